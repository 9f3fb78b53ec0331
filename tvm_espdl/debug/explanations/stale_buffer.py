"""A tensor's memory holds something else: another tensor's bytes, or nothing that was written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from ..observed import same_bits
from .explanation import Explanation

#: Fewer bytes, or fewer kinds of them, stand elsewhere by chance.
_LEAST_BYTES, _LEAST_KINDS = 16, 4


class StaleBuffer(Explanation):
    """The tensor's memory holds bytes that the layer has not written there.

    Try: look for two buffers that overlap, a buffer that is too small, a layer that did not run, or
    a cache that was not written back before another core or DMA read the memory.
    """

    def found(self, run: LayerRun) -> str | None:
        """Bytes of another tensor in the place of those that differ; or one value all over."""
        board = run.values
        if board is None or not board.size:
            return None
        raw = np.ascontiguousarray(board).tobytes()
        if len(set(raw)) == 1 and board.nbytes >= _LEAST_BYTES:
            return f"every byte is {raw[0]:#04x}: it was never written"
        begin, end = _range(board, run.shown)
        part = raw[begin:end]
        if len(part) < _LEAST_BYTES or len(set(part)) < _LEAST_KINDS:
            return None
        for name, array in older_tensors(run):
            run.clock.check()
            at = np.ascontiguousarray(array).tobytes().find(part)
            if at >= 0:
                where = "all of it is" if (begin, end) == (0, len(raw)) else (
                    f"its bytes {begin} to {end - 1} are")  # fmt: skip
                return f"{where} what {name} holds from its byte {at} on"
        return None


def _range(board: Array, right: Array) -> tuple[int, int]:
    """From the first byte of the first value that differs to the last one's end."""
    differs = (~same_bits(board.ravel(), right.ravel())).nonzero()[0]
    width = board.dtype.itemsize
    return int(differs[0]) * width, (int(differs[-1]) + 1) * width


def older_tensors(run: LayerRun) -> Iterator[tuple[str, Array]]:
    """Tensors that are not computed from this one: the nearest before it first."""
    later = {run.name, *run.step.outputs}
    for step in run.program.steps:
        if later.intersection(step.inputs):
            later.update(step.outputs)
    names = [name for name in run.program.values if name in run.tensors and name not in later]
    for name in reversed(names):
        yield name, run.tensors[name]
