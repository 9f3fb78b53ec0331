"""Scales channels of activations: the network that computes the same with other weights.

Must never change what the network computes beyond the rounding of float32, nor a shape or a name.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from onnx import ModelProto, NodeProto, numpy_helper

from ..onnx_graphs.graph import Array, Graph, attribute
from .calibration import TensorRange
from .channel_sets import ChannelSet
from .histogram import Histogram
from .layer_statistics import Moments
from .plan import Plan

#: The factors (C,) that divide the channels, by the name of the set.
Scaling = Mapping[str, Array]


def scale_model(
    model: ModelProto, plan: Plan, sets: Iterable[ChannelSet], scaling: Scaling
) -> ModelProto:
    """A copy of `model` in which the channels of `sets` are divided by the factors of `scaling`.

    Factors are above 0; sets that have none stay as they are.
    """
    values: dict[str, Array] = {}
    graph = plan.graph
    for entry in sets:
        if entry.name not in scaling:
            continue
        factors = scaling[entry.name]
        for index in entry.makers:
            for name, factor in _as_made(index, entry, factors, graph):
                values[name] = values.get(name, graph.constant(name).astype(np.float64)) / factor
        for index in entry.readers:
            name = graph.nodes[index].input[1]
            factor = _as_read(index, entry, factors, graph)
            values[name] = values.get(name, graph.constant(name).astype(np.float64)) * factor
    scaled = copy.deepcopy(model)
    for tensor in scaled.graph.initializer:
        if tensor.name in values:
            value = values[tensor.name].astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    return scaled


def _as_made(
    index: int, entry: ChannelSet, factors: Array, graph: Graph
) -> Iterator[tuple[str, Array]]:
    """What divides the weights and the bias of a layer that makes channels."""
    node = graph.nodes[index]
    weight = graph.constant(node.input[1])
    along = entry.along(factors, node.output[0])
    if len(node.input) > 2 and node.input[2]:
        yield node.input[2], along
    if node.op_type != "ConvTranspose":
        yield node.input[1], along.reshape(-1, *(1,) * (weight.ndim - 1))
        return
    # (C, O / group, ...): the outputs of a group lie along axis 1 of that group's rows.
    yield node.input[1], _across(node, along, weight)


def _as_read(index: int, entry: ChannelSet, factors: Array, graph: Graph) -> Array:
    """What multiplies the weights of a layer that reads channels."""
    node = graph.nodes[index]
    weight = graph.constant(node.input[1])
    along = entry.along(factors, node.input[0])
    if node.op_type == "ConvTranspose":
        return along.reshape(-1, *(1,) * (weight.ndim - 1))
    # (O, C / group, ...): each row reads the inputs of its group.
    return _across(node, along, weight)


def _across(node: NodeProto, along: Array, weight: Array) -> Array:
    """The factors of the channels that lie along axis 1, those of its group for each row."""
    group = attribute(node, "group", 1)
    rows = np.repeat(along.reshape(group, -1), weight.shape[0] // group, axis=0)
    return rows.reshape(*weight.shape[:2], *(1,) * (weight.ndim - 2))


def patch_factors(index: int, entry: ChannelSet, factors: Array, graph: Graph) -> Moments:
    """What divides the input patches of a Conv or Gemm that reads channels: (groups, K)."""
    node = graph.nodes[index]
    weight = graph.constant(node.input[1])
    along = entry.along(factors, node.input[0])
    group = attribute(node, "group", 1)
    kernel = int(np.prod(weight.shape[2:]))
    return np.repeat(along.reshape(group, -1), kernel, axis=1).astype(np.float64)


def scaled_ranges(
    sets: Iterable[ChannelSet], scaling: Scaling, runs: Iterable[Mapping[str, Array]]
) -> dict[str, TensorRange]:
    """Distributions of the tensors of `sets`, divided by their factors.

    `runs` holds these tensors, one dict per sample, not divided.
    """
    entries = [(name, entry, scaling[entry.name]) for entry in sets for name in entry.tensors]
    histograms = {name: Histogram() for name, _, _ in entries}
    for tensors in runs:
        for name, entry, factors in entries:
            values = tensors[name]
            along = entry.along(factors, name).astype(np.float32)
            histograms[name].add(values / along.reshape(1, -1, *(1,) * (values.ndim - 2)))
    return {name: TensorRange(seen.low, seen.high, seen) for name, seen in histograms.items()}


def same_scaling(one: Scaling, other: Scaling) -> bool:
    """Whether two scalings have the same factors for the same sets."""
    return one.keys() == other.keys() and all(
        np.array_equal(factors, other[name]) for name, factors in one.items()
    )
