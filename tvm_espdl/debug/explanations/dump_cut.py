"""From some value on, a tensor holds nothing."""

from __future__ import annotations

import numpy as np

from ..layer_run import LayerRun
from ..observed import same_bits
from .explanation import Explanation

#: Fewer values are equal by chance.
_LEAST = 8


class DumpCut(Explanation):
    """The right values end in the middle of the tensor: the dump, or its computation, was cut.

    Try: look at how many bytes are read or copied, and whether the layer had ended.
    """

    def found(self, run: LayerRun) -> str | None:
        """All values before are right, all after are one and the same."""
        if run.values is None:
            return None
        board, right = run.values.ravel(), run.shown.ravel()
        differs = (~same_bits(board, right)).nonzero()[0]
        at = int(differs[0])
        if at == 0 or differs.size < _LEAST or not np.all(board[at:] == board[at]):
            return None
        return f"from flat index {at} on, all values are {board[at]}"
