"""The values behind the last whole vector of a tensor are wrong."""

from __future__ import annotations

import numpy as np

from ..layer_run import LayerRun
from ..observed import same_bits
from .explanation import Explanation
from .stale_buffer import left_over

#: Fewer values are equal, or differ, by chance.
_LEAST = 4
#: Values that ESP-DL's widening requantize takes at once.
_WIDENED = 16


class TailValues(Explanation):
    """The last values of the tensor, behind its last whole vector, were not written.

    Try: look at how the kernel treats a size that is no multiple of a vector; ESP-DL's requantize
    from int8 to int16 leaves the last 8 values where the size is 8 modulo 16.
    """

    def found(self, run: LayerRun) -> str | None:
        """All others are right; these hold one value, or what lay there before."""
        if run.values is None or run.output.dtype not in ("int8", "int16") or run.after:
            return None
        board, right = run.values.ravel(), run.right.ravel()
        lanes = run.chip.lanes(run.output.dtype)
        differs = (~same_bits(board, right)).nonzero()[0]
        for vector in (lanes, _WIDENED) if lanes else ():
            first = board.size // vector * vector
            if first in (0, board.size) or differs[0] < first or differs.size < _LEAST:
                continue
            tail = np.arange(board.size) >= first
            left = left_over(run, tail.reshape(run.output.shape))
            if np.unique(board[first:]).size == 1:
                left = f"all are {board[first]}"
            if left is not None:
                return f"the last {board.size - first} of {board.size}: {left}"
        return None
