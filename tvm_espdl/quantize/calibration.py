"""Runs a float network over calibration samples and measures every tensor that matters.

Must never keep the activations of more samples than threads, nor depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
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
    """Measure the distribution of float32 tensors that depend on an input.

    Parameters
    ----------
    model : ModelProto
        A preprocessed float network; left as it is.
    samples : iterable of dict
        As `read_samples` yields them; they are read once.
    names : iterable of str, optional
        The tensors to measure; by default all of them.
    observer : callable, optional
        Called with the measured tensors of each sample, in the samples' order.
    whole : container of str, optional
        The tensors whose distribution is measured, and not only the range; by default all.

    Returns
    -------
    dict of str to TensorRange
        In the order of the graph, inputs first.

    Raises
    ------
    DataError
        If a tensor holds NaN or infinity for a sample.
    ModelError
        If onnxruntime cannot run the network.
    """
    graph = Graph(model)
    measured = _ordered(graph, names)
    wanted = [name for name in measured if name not in graph.inputs]
    session = open_session(with_outputs(model, wanted), "calibration")
    whole = measured if whole is None else whole
    tallies = [_Tally(name, _place(name, graph), whole=name in whole) for name in measured]

    def run(numbered: tuple[int, Sample]) -> Sample:
        number, sample = numbered
        results = run_session(session, wanted, sample, f"calibration sample {number}")
        return {**sample, **dict(zip(wanted, results, strict=True))}

    for tensors in map_ahead(run, enumerate(samples)):
        for tally in tallies:
            tally.add(tensors[tally.name])
        if observer is not None:
            observer(tensors)
    return {tally.name: tally.result() for tally in tallies}


class _Tally:
    """What was seen of one tensor so far."""

    def __init__(self, name: str, place: str, *, whole: bool) -> None:
        self.name = name
        self._place = place
        self._samples = 0
        self._low = self._high = 0.0
        self._empty = True
        self._histogram = Histogram() if whole else None

    def add(self, values: Array) -> None:
        number = self._samples
        self._samples += 1
        if values.size == 0:
            return
        low, high = _finite_extremes(values, self._place, number)
        self._low = low if self._empty else min(self._low, low)
        self._high = high if self._empty else max(self._high, high)
        self._empty = False
        if self._histogram is not None:
            self._histogram.add(values, (low, high))

    def result(self) -> TensorRange:
        return TensorRange(self._low, self._high, self._histogram)


def _ordered(graph: Graph, names: Iterable[str] | None) -> list[str]:
    every = [*graph.inputs, *(name for node in graph.nodes for name in node.output if name)]
    chosen = None if names is None else set(names)
    return [name for name in every if graph.is_float(name) and (chosen is None or name in chosen)]


def with_outputs(model: ModelProto, names: Iterable[str]) -> ModelProto:
    """A copy of `model` that has the float32 tensors `names` among its outputs."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    present = {value.name for value in watched.graph.output}
    watched.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in present
    )
    return watched


def _place(name: str, graph: Graph) -> str:
    maker = graph.producer(name)
    if maker is None:
        return f"input {name!r}"
    node = graph.nodes[maker]
    return f"node {node.name!r} ({node.op_type}), tensor {name!r}"


def _finite_extremes(values: Array, place: str, number: int) -> tuple[float, float]:
    low, high = extremes_of(values)
    # They are not finite if any value is not: NaN spreads.
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    raise DataError(
        "a tensor of the float network is not finite",
        where=f"{place}, calibration sample {number}",
        found=f"{int(np.isnan(values).sum())} NaN and {int(np.isinf(values).sum())} infinite "
        f"of {values.size} values",
        allowed="finite numbers",
        try_="look whether the sample is scaled as in training; replace infinite masks and "
        "paddings in the model by large finite numbers",
    )
