"""Runs a float network over calibration samples and measures every tensor that matters.

Must never keep the activations of more samples than threads, nor depend on the number of threads.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto

from ..errors import DataError
from ..onnx_graphs.graph import Array, Graph
from ..onnx_graphs.session import open_session, run_session
from ..samples import Sample
from .histogram import Histogram, extremes_of
from .workers import map_ahead

Shape = tuple[int, ...]

#: Sees every tensor of a sample, by name, beside the histograms.
Observer = Callable[[Mapping[str, Array]], None]


@dataclass(frozen=True, eq=False)
class TensorRange:
    """What calibration saw of one tensor: the smallest and the largest value over all samples."""

    low: float
    high: float
    histogram: Histogram | None = None  #: None where only the range is known, as of constants.


def measure_ranges(
    model: ModelProto,
    samples: Iterable[Sample],
    names: Iterable[str] | None = None,
    observer: Observer | None = None,
    whole: Container[str] | None = None,
) -> dict[str, TensorRange]:
    """The distribution of float32 tensors that depend on an input, in the order of the graph.

    `names` are the tensors to measure, those of `whole` with their histogram and not only the
    range; by default all. The `samples` are read once; the `observer` sees the measured tensors of
    each, in their order.

    Raises DataError if a tensor holds NaN or infinity for a sample, ModelError if onnxruntime
    cannot run the network.
    """
    graph = Graph(model)
    measured = _ordered(graph, names)
    read = watching(model, [name for name in measured if name not in graph.inputs], "calibration")
    seen = {name: Histogram() for name in measured}
    whole = measured if whole is None else whole

    def run(numbered: tuple[int, Sample]) -> Sample:
        number, sample = numbered
        return {**sample, **read(sample, f"calibration sample {number}")}

    for number, tensors in enumerate(map_ahead(run, enumerate(samples))):
        for name, histogram in seen.items():
            if tensors[name].size:
                extremes = _finite_extremes(tensors[name], name, graph, number)
                if name in whole:
                    histogram.add(tensors[name], extremes)
                histogram.extend(*extremes)
        if observer is not None:
            observer(tensors)
    return {n: TensorRange(h.low, h.high, h if n in whole else None) for n, h in seen.items()}


def _ordered(graph: Graph, names: Iterable[str] | None) -> list[str]:
    every = [*graph.inputs, *(name for node in graph.nodes for name in node.output if name)]
    chosen = None if names is None else set(names)
    return [name for name in every if graph.is_float(name) and (chosen is None or name in chosen)]


def watching(
    model: ModelProto, names: Sequence[str], where: str = "the float network"
) -> Callable[..., Sample]:
    """A function from a sample, and where it is from, to the tensors `names` of a network.

    Raises ModelError, here and there, if onnxruntime cannot run the network.
    """
    session = open_session(with_outputs(model, names), where)

    def run(sample: Mapping[str, Array], place: str = where) -> Sample:
        return dict(zip(names, run_session(session, names, sample, place), strict=True))

    return run


def with_outputs(model: ModelProto, names: Iterable[str] | Mapping[str, Shape]) -> ModelProto:
    """A copy of `model` that has float32 tensors, as a rule without a shape, among its outputs."""
    shapes = names if isinstance(names, Mapping) else {}
    watched = copy.deepcopy(model)
    present = {value.name for value in watched.graph.output}
    watched.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shapes.get(name))
        for name in names
        if name not in present
    )
    return watched


def _finite_extremes(values: Array, name: str, graph: Graph, number: int) -> tuple[float, float]:
    low, high = extremes_of(values)
    # They are not finite if any value is not: NaN spreads.
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    place, maker = f"input {name!r}", graph.producer(name)
    if maker is not None:
        node = graph.nodes[maker]
        place = f"node {node.name!r} ({node.op_type}), tensor {name!r}"
    raise DataError(
        "a tensor of the float network is not finite",
        where=f"{place}, calibration sample {number}",
        found=f"{int(np.isnan(values).sum())} NaN and {int(np.isinf(values).sum())} infinite "
        f"of {values.size} values",
        allowed="finite numbers",
        try_="look whether the sample is scaled as in training; replace infinite masks and "
        "paddings in the model by large finite numbers",
    )
