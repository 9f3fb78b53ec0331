"""Values of a tensor stand in other places: some were lost or put in on the way."""

from __future__ import annotations

import numpy as np

from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from .explanation import Explanation

#: Bytes that may be lost or too many.
_MOST = 128
#: Fewer bytes in another place say nothing.
_LEAST = 8


class DumpShifted(Explanation):
    """The right values stand in other places: the dump is shifted.

    Try: look at what reads the tensor: its first byte, lost bytes of the line, a header that was
    taken for values.
    """

    def found(self, run: LayerRun) -> str | None:
        """Bytes lost or put in from the first difference on; the gap holds one, or wraps."""
        if run.values is None:
            return None
        width = run.values.dtype.itemsize
        board, right = (
            np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            for array in (run.values, run.shown)
        )
        at = int((board != right).nonzero()[0][0])
        for by in range(1, min(_MOST, (board.size - at) // 2) + 1):
            run.clock.check()
            what = f"{by // width} values" if by % width == 0 else f"{by} bytes"
            early = _moved(board[at:-by], right[at + by :], right[at:-by])
            if early and _filled(board[-by:], right[at : at + by], wraps=at == 0):
                return f"{what} are missing at byte {at}, later ones come too early"
            late = _moved(board[at + by :], right[at:-by], right[at + by :])
            if late and _filled(board[at : at + by], right[-by:], wraps=at == 0):
                return f"{what} too many at byte {at}, later ones come too late"
        return None


def _moved(board: Array, expected: Array, unmoved: Array) -> bool:
    """Whether bytes are equal in another place, and would not be in their own."""
    return np.array_equal(board, expected) and int((expected != unmoved).sum()) >= _LEAST


def _filled(gap: Array, around: Array, *, wraps: bool) -> bool:
    """Whether a gap holds one byte only, or what left at the other end."""
    return bool(np.all(gap == gap[0]) or (wraps and np.array_equal(gap, around)))
