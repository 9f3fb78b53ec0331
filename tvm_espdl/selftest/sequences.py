"""Cases with several results, or with what is kept between runs: Split, GRU, LSTM, caches.

Each result of each run is a call of its own. What a run begins with is what ESP-DL's own code left
after the one before, so that a mistake shows where it is made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..ops import Tensor
from ..ops.base.recurrent import ALL, CELLS, LAST, Recurrent
from ..ops.base.rounding import Array
from ..ops.concat import Concat
from ..ops.gru import Gru
from ..ops.lstm import Lstm
from ..ops.slice import Slice
from .golden import Case
from .trial import Trial, trial

Sequence = Callable[[Case, str], list[Trial]]


def _result(case: Case, family: str, result: str, run: int = 0) -> Array:
    array = case.expected(family, result, run)
    if array is None:
        raise case.refuse(f"the vector has no result {result!r}", f"chips of {family}")
    return array


def split(case: Case, family: str) -> list[Trial]:
    """A slice for each result."""
    x, start, found = case.tensor("x"), 0, []
    axis = case.axis(len(x.shape), "axis", 0)
    for result in case.results:
        part = _result(case, family, result)
        y = Tensor(str(part.dtype), part.shape, x.exponent)
        record = Slice.along(x, y, axis, start)
        found.append(trial(case, record, {"x": case.array("x")}, part, result))
        start += part.shape[axis]
    return found


def streaming_cache(case: Case, family: str) -> list[Trial]:
    """What is kept in front of what is new, and in the next run the last of both in front."""
    x, y = case.tensor("x"), case.output
    axis = case.axis(len(x.shape), "frame_axis", 1)
    new, whole = x.shape[axis], y.shape[axis]
    cache = dataclasses.replace(x, shape=(*x.shape[:axis], whole - new, *x.shape[axis + 1 :]))
    joined, cut = Concat((cache, x), y, axis), Slice.along(y, cache, axis, new)
    kept, found = np.zeros(cache.shape, cache.dtype), []
    for run in range(case.runs):
        result, label = _result(case, family, "", run), f"run_{run}"
        arrays = {"cache": kept, "x": case.array("x", run)}
        found.append(trial(case, joined, arrays, result, label))
        if run + 1 < case.runs:
            following = _result(case, family, "", run + 1)
            kept = np.ascontiguousarray(following.take(range(whole - new), axis))
            found.append(trial(case, cut, {"y": result}, kept, f"{label}_kept"))
    return found


def _recurrent(kind: type[Recurrent]) -> Sequence:
    """All hidden states, the last ones, for an LSTM the last cells; of each run."""
    gives = (ALL, LAST, CELLS) if kind is Lstm else (ALL, LAST)

    def build(case: Case, family: str) -> list[Trial]:
        w, r = case.tensor("w"), case.tensor("r")
        shape = (w.shape[0], 1, r.shape[-1])
        gates = case.attribute("gate_exponent", -8)
        rows = (w.shape[0], 2 * w.shape[1])
        biases = case.array("b") if case.has("b") else np.zeros(rows, np.int16)
        b = Tensor(str(biases.dtype), rows, gates)
        types = {"initial_h": Tensor(case.output.dtype, shape, case.output.exponent)}
        if kind is Lstm:
            types["initial_c"] = Tensor("int16", shape, gates)
        found = []
        if len(case.results) > len(gives):
            raise case.refuse("more results than the layer has", len(case.results), len(gives))
        for run in range(case.runs):
            arrays = {"x": case.array("x", run)}
            for name, tensor in types.items():
                zeros = np.zeros(tensor.shape, tensor.dtype)
                arrays[name] = case.array(name, run) if case.has(name) else zeros
            arrays |= {"w": case.array("w"), "r": case.array("r"), "b": biases.reshape(rows)}
            for result, given in zip(case.results, gives, strict=False):
                expected = _result(case, family, result, run)
                exponent = gates if given == CELLS else case.output.exponent
                y = Tensor(str(expected.dtype), expected.shape, exponent)
                record = kind(case.tensor("x"), types["initial_h"], w, r, b, y, given)
                found.append(trial(case, record, arrays, expected, f"{given}_of_run_{run}"))
        return found

    return build


BUILDERS: dict[str, Sequence] = {
    "gru": _recurrent(Gru),
    "lstm": _recurrent(Lstm),
    "split": split,
    "streaming_cache": streaming_cache,
}
