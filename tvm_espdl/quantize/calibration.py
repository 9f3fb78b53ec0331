"""Runs a float network over calibration samples and measures every tensor that matters.

Must never keep the activations of more samples than threads, nor depend on the number of threads.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
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

#: From the name of a tensor and its values in a sample to those that count.
Counting = Callable[[str, Array], Array]


@dataclass(frozen=True, eq=False)
class TensorRange:
    """What calibration saw of one tensor: the smallest and the largest value over all samples."""

    low: float
    high: float
    histogram: Histogram | None = None  #: None where only the range is known, as of constants.
    #: Values beyond these count as if they lay at them; `low` and `high` lie between them.
    limits: tuple[float, float] = (-math.inf, math.inf)

    def within(self, low: float, high: float) -> TensorRange:
        """The same tensor, of which what lies beyond two limits counts as if it lay at them."""
        limits = max(low, self.limits[0]), min(high, self.limits[1])
        ends = np.clip([self.low, self.high], *limits)
        return replace(self, low=float(ends[0]), high=float(ends[1]), limits=limits)

    def centers(self) -> npt.NDArray[np.float64]:
        """The middle of each bin of the histogram, those beyond the limits at these."""
        assert self.histogram is not None
        return np.clip(self.histogram.centers(), *self.limits)

    @cached_property
    def mean_square(self) -> float:
        """The mean of the squares of all values, as the histogram tells it; 0 without one."""
        if self.histogram is None or not self.histogram.total:
            return 0.0
        return float(self.histogram.counts @ self.centers() ** 2) / self.histogram.total


def measure_ranges(
    model: ModelProto,
    samples: Iterable[Sample],
    names: Iterable[str] | None = None,
    observer: Observer | None = None,
    whole: Container[str] | None = None,
    *,
    counting: Counting | None = None,
) -> dict[str, TensorRange]:
    """The distribution of float32 tensors that depend on an input, in the order of the graph.

    `names` are the tensors to measure, those of `whole` with their histogram and not only the
    range; by default all. The `samples` are read once; the `observer` sees the measured tensors of
    each, in their order, and `counting` says which values of a tensor count, that may hold others.

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
            values = tensors[name] if counting is None else counting(name, tensors[name])
            if values.size:
                extremes = _finite_extremes(values, name, graph, number)
                if name in whole:
                    histogram.add(values, extremes)
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
