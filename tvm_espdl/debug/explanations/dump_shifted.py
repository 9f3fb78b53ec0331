"""Values of a tensor stand in other places: some were lost or put in on the way."""

from __future__ import annotations

import numpy as np

from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from ..observed import same_bits
from .explanation import Explanation

#: Values that may be lost or too many.
_MOST = 64
#: Fewer values in another place say nothing.
_LEAST = 8


class DumpShifted(Explanation):
    """The right values stand in other places: the dump is shifted.

    Try: look at what reads the tensor: its first byte, lost bytes of the line, a header that was
    taken for values.
    """

    def found(self, run: LayerRun) -> str | None:
        """Values lost or put in from the first difference on; the gap holds one value, or wraps."""
        if run.values is None:
            return None
        board, right = run.values.ravel(), run.shown.ravel()
        at = int((~same_bits(board, right)).nonzero()[0][0])
        for by in range(1, min(_MOST, (board.size - at) // 2) + 1):
            run.clock.check()
            early = _moved(board[at:-by], right[at + by :], right[at:-by])
            if early and _filled(board[-by:], right[at : at + by], wraps=at == 0):
                return f"{by} values are missing at flat index {at}, later ones come too early"
            late = _moved(board[at + by :], right[at:-by], right[at + by :])
            if late and _filled(board[at : at + by], right[-by:], wraps=at == 0):
                return f"{by} values too many at flat index {at}, later ones come too late"
        return None


def _moved(board: Array, expected: Array, unmoved: Array) -> bool:
    """Whether values are equal in another place, and would not be in their own."""
    if not same_bits(board, expected).all():
        return False
    return int((~same_bits(expected, unmoved)).sum()) >= _LEAST


def _filled(gap: Array, around: Array, *, wraps: bool) -> bool:
    """Whether a gap holds one value only, or what left at the other end."""
    return bool(np.all(gap == gap[0]) or (wraps and same_bits(gap, around).all()))
