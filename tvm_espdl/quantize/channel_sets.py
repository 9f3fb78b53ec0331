"""Finds activations whose channels can be scaled without changing what the network computes.

Where layers make and layers read a tensor, and everything between treats each channel alone and
passes positive factors through, a channel may be divided by a factor as it is made and multiplied
by it as it is read. Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and
Bias Correction", 2019, widened from pairs of layers to all that an Add or a shared reader joins.

Must never take in a tensor that is an input or an output of the network, nor one that reaches an
operator outside the table below. A Clip is outside: its limits are not scaled with the channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from ..onnx_graphs.graph import Array, Graph, attribute
from .plan import Plan
from .sharing import Groups

_LAYERS = ("Conv", "ConvTranspose", "Gemm")


@dataclass(frozen=True)
class ChannelSet:
    """Tensors that share the factors of their channels."""

    channels: int  #: How many factors there are.
    tensors: tuple[str, ...]  #: Axis 1 of each holds every channel once, or so many times in a row.
    makers: tuple[int, ...]  #: The layers, by node, that make these tensors.
    readers: tuple[int, ...]  #: Those that read them.

    @property
    def name(self) -> str:
        """The first of the tensors: it stands for the set."""
        return self.tensors[0]

    def along(self, factors: Array, count: int) -> Array:
        """The factors (C,) along an axis of `count` elements, which a Flatten may have grown."""
        return np.repeat(factors, count // self.channels)


def find_channel_sets(plan: Plan) -> list[ChannelSet]:
    """The sets of a network, in the order of its tensors; layers in float are left alone."""
    graph = plan.graph
    layers = {layer.node for layer in plan.layers() if graph.nodes[layer.node].op_type in _LAYERS}
    groups, blocked = Groups(), {*graph.inputs, *graph.visible}
    for index, node in enumerate(graph.nodes):
        read = [name for name in node.input if name and not graph.is_constant(name)]
        for name in (*read, *filter(None, node.output)):
            groups.find(name)
        if index in layers:
            continue
        if _passes(node, read, graph):
            for name in read:
                groups.join(node.output[0], name)
        else:
            blocked.update((*read, *node.output))
    closed = {groups.find(name) for name in blocked}
    ordered = [name for node in graph.nodes for name in node.output if name]
    members: dict[object, list[str]] = {}
    for name in ordered:
        members.setdefault(groups.find(name), []).append(name)
    found = (
        _set_of(tensors, layers, graph) for root, tensors in members.items() if root not in closed
    )
    return [entry for entry in found if entry is not None]


def _set_of(tensors: list[str], layers: set[int], graph: Graph) -> ChannelSet | None:
    made = ((name, graph.producer(name)) for name in tensors)
    makers = tuple(maker for _, maker in made if maker in layers and maker is not None)
    readers = tuple(
        reader for name in tensors for reader in graph.consumers(name) if reader in layers
    )
    sizes = [(graph.shape(name) or (0, 0))[1] for name in tensors]
    channels = min(sizes)
    if not makers or not readers or channels == 0 or any(size % channels for size in sizes):
        return None
    # A weight that two layers share cannot be scaled for one of them.
    constants = (name for layer in (*makers, *readers) for name in graph.nodes[layer].input[1:])
    if any(len(graph.consumers(name)) > 1 for name in constants if name):
        return None
    return ChannelSet(channels, tuple(tensors), makers, readers)


def _passes(node: NodeProto, read: list[str], graph: Graph) -> bool:
    shapes = [graph.shape(name) for name in (*read, *node.output) if name]
    if any(shape is None or len(shape) < 2 for shape in shapes) or len(node.output) != 1:
        return False
    check = _CHECKS.get(node.op_type)
    return check is not None and check(node, [shape for shape in shapes if shape is not None])


Shapes = list[tuple[int, ...]]


def _flattens(node: NodeProto, shapes: Shapes) -> bool:
    """(N, C, ...) becomes (N, C * ...): each channel lies in one piece."""
    before, after = shapes[0], shapes[-1]
    axis = attribute(node, "axis", 1) if node.op_type == "Flatten" else 1
    return axis == 1 and len(after) == 2 and before[0] == after[0]


#: Whether an operator passes a positive factor of a channel from its activations to its output.
_CHECKS: dict[str, Callable[[NodeProto, Shapes], bool]] = {
    **dict.fromkeys(("Relu", "LeakyRelu", "Identity"), lambda node, shapes: True),
    **dict.fromkeys(("MaxPool", "AveragePool"), lambda node, shapes: True),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), lambda node, shapes: True),
    **dict.fromkeys(("Flatten", "Reshape"), _flattens),
    # Two activations of one shape; a constant would need a factor of its own.
    "Add": lambda node, shapes: len(shapes) == 3 and len(set(shapes)) == 1,
    "PRelu": lambda node, shapes: len(shapes) == 2,  # its slopes are constant
}
