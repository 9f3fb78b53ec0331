"""A tensor's memory holds something else: another tensor's bytes, or nothing that was written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops import Operator
from ...ops.base.rounding import Array
from ...program.memory import plan
from ..layer_run import LayerRun
from ..observed import same_bits
from .explanation import Explanation

#: Fewer bytes, or fewer kinds of them, stand elsewhere by chance.
_LEAST_BYTES, _LEAST_KINDS = 16, 4
#: Buffers begin at multiples of it.
_ALIGNMENT = 16
#: Bytes that are looked at first.
_FEW = 256


class StaleBuffer(Explanation):
    """The tensor's memory holds bytes that the layer has not written there.

    Try: look for two buffers that overlap, a buffer that is too small, a layer that did not run, or
    a cache that was not written back before another core or DMA read the memory.
    """

    def found(self, run: LayerRun) -> str | None:
        """Bytes of another tensor where they differ, or amid zeros; or one value all over."""
        board = run.values
        if board is None or not board.size:
            return None
        raw = np.ascontiguousarray(board).tobytes()
        if len(set(raw)) == 1 and board.nbytes >= _LEAST_BYTES:
            return f"every byte is {raw[0]:#04x}: it was never written"
        begin, end = _range(board, run.shown)
        held = _held_by(run, raw, begin, end)
        if held is not None:
            return held
        begin, end = len(raw) - len(raw.lstrip(b"\0")), len(raw.rstrip(b"\0"))
        held = _held_by(run, raw, begin, end)
        return f"{held}; all others are 0" if held and end - begin < len(raw) else held


def _held_by(run: LayerRun, raw: bytes, begin: int, end: int) -> str | None:
    """Which tensor has a part of the bytes."""
    part = raw[begin:end]
    if len(part) < _LEAST_BYTES or len(set(part)) < _LEAST_KINDS:
        return None
    for name, array in older_tensors(run):
        run.clock.check()
        at = np.ascontiguousarray(array).tobytes().find(part)
        if at >= 0:
            whole = (begin, end) == (0, len(raw))
            where = "all of it is" if whole else f"its bytes {begin} to {end - 1} are"
            held = f"{where} what {name} holds from its byte {at} on"
            return f"{held}; in the project's memory plan their bytes are {_plan(run, name)}"
    return None


def _range(board: Array, right: Array) -> tuple[int, int]:
    """From the first byte of the first value that differs to the last one's end."""
    differs = (~same_bits(board.ravel(), right.ravel())).nonzero()[0]
    width = board.dtype.itemsize
    return int(differs[0]) * width, (int(differs[-1]) + 1) * width


def _plan(run: LayerRun, name: str) -> str:
    """Whether a tensor shares memory with the layer's, as a project is exported by default."""
    steps = enumerate(run.program.steps)
    needs = {n: s.operator.needs(run.chip) for n, s in steps if isinstance(s.operator, Operator)}
    places = plan(run.program, needs).places
    both = [(places[one], run.program.values[one].nbytes) for one in (name, run.name)]
    (a, size), (b, _) = sorted(both, key=lambda one: one[0].offset)
    shared = (a.kind, a.index) == (b.kind, b.index) and b.offset < a.offset + size
    return "the same" if shared else "apart"


def older_tensors(run: LayerRun) -> Iterator[tuple[str, Array]]:
    """Tensors that are not computed from this one: the nearest before it first."""
    later = {run.name, *run.step.outputs}
    for step in run.program.steps:
        if later.intersection(step.inputs):
            later.update(step.outputs)
    names = [name for name in run.program.values if name in run.tensors and name not in later]
    for name in reversed(names):
        yield name, run.tensors[name]


def left_over(run: LayerRun, unwritten: Array) -> str | None:
    """Which tensor of before lies in the memory of some values, with zeros around it.

    Parameters
    ----------
    unwritten : numpy.ndarray
        bool, of the result's shape: the values.
    """
    if run.values is None:
        return None
    raw = np.ascontiguousarray(run.values).reshape(-1).view(np.uint8)
    places = np.repeat(unwritten.ravel(), run.values.dtype.itemsize).nonzero()[0]
    wanted, few = raw[places], places[:_FEW]
    for name, array in older_tensors(run):
        other = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for at in range(-other.size // _ALIGNMENT * _ALIGNMENT, raw.size, _ALIGNMENT):
            if not np.array_equal(_held(other, few - at), raw[few]):
                continue
            run.clock.check()
            held = (places >= at) & (places < at + other.size)
            kinds = np.unique(wanted[held]).size
            if kinds >= _LEAST_KINDS and np.array_equal(_held(other, places - at), wanted):
                return f"there is still {name}, from byte {at} on, and zeros elsewhere"
    return None


def _held(other: Array, places: Array) -> Array:
    """Bytes at places of a tensor; zeros beside it."""
    inside = (places >= 0) & (places < other.size)
    return np.where(inside, other[np.clip(places, 0, other.size - 1)], 0)
