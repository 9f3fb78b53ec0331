"""The channels behind the last whole vector are wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation
from .stale_buffer import left_over

#: Fewer values are equal by chance.
_LEAST_VALUES = 8


class TailChannels(Explanation):
    """The channels behind the last whole vector are wrong, and only they.

    Try: look at how the kernel treats channels that do not fill a vector of 16 (8 for int16): on
    the ESP32-S3 their weights and bias lie in another form; or pad the layer to whole vectors.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Not written; with the wrong bias; with the weights of a whole vector."""
        first = _first_of_tail(run)
        if first is None:
            return
        for value in _unwritten(run, first):
            changed = run.right.copy()
            changed[..., first:] = value
            yield f"channels {first} and up hold nothing but {value}", changed
        tail = np.zeros(run.output.shape, bool)
        tail[..., first:] = True
        left = left_over(run, tail)
        if left is not None:
            yield f"channels {first} and up are not written: {left}", _as_shown(run)
        products = run.products
        if products is None or not run.constants:
            return
        w, *b = run.constants
        if b:
            for words, bias in _wrong_bias(b[0], first):
                yield f"channels {first} and up have {words}", run.with_bias(bias)
        if w.ndim != 2 and not products.lanes_only:
            packed = _as_whole_vector(w, first, run.chip.lanes(run.output.dtype))
            detail = f"the weights of channels {first} and up are read as of a whole vector"
            yield detail, run.recomputed(constants=(packed, *b))


def _first_of_tail(run: LayerRun) -> int | None:
    """The first channel behind whole vectors; None where there are none, or others differ."""
    shape, dtype = run.output.shape, run.output.dtype
    if dtype not in ("int8", "int16") or len(shape) < 2 or run.after:
        return None
    lanes = run.chip.lanes(dtype)
    first = shape[-1] // lanes * lanes if lanes else 0
    if first in (0, shape[-1]):
        return None
    board = run.values
    if board is not None and not np.array_equal(board[..., :first], run.right[..., :first]):
        return None
    return first


def _unwritten(run: LayerRun, first: int) -> list[int]:
    """The one value that all of the tail has; zero where only a checksum is known."""
    if run.right[..., first:].size < _LEAST_VALUES:
        return []
    if run.values is None:
        return [0]
    found = np.unique(run.values[..., first:])
    return [int(found[0])] if found.size == 1 else []


def _as_shown(run: LayerRun) -> Array:
    assert run.values is not None
    return run.values


def _wrong_bias(bias: Array, first: int) -> Iterator[tuple[str, Array]]:
    none = bias.copy()
    none[first:] = 0
    yield "no bias", none
    halves = bias[first:].astype("<i8").view("<i4")[: len(bias) - first]
    read = bias.copy()
    read[first:] = halves
    yield "a bias of 64 bits that is read as one of 32", read


def _as_whole_vector(w: Array, first: int, lanes: int) -> Array:
    """The tail's weights as a vector, the rest of it zeros, read one channel after the other."""
    channels_last = np.moveaxis(w[first:], 1, -1)
    padded = np.zeros((lanes, *channels_last.shape[1:]), w.dtype)
    padded[: len(channels_last)] = channels_last
    flat = np.moveaxis(padded, 0, -1).ravel()[: channels_last.size]
    changed = w.copy()
    changed[first:] = np.moveaxis(flat.reshape(channels_last.shape), -1, 1)
    return changed
