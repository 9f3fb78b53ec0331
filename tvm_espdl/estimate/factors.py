"""Factors for the prices of cycles, as a user's own board has them.

Plain data: fitted, written and read elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What has a factor: the parts of a call's cycles, of each kind of kernel.
PARTS = ("instructions", "constants", "tensors", "inner cache", "call")
KINDS = ("esp-dl", "portable", "tvm")


@dataclass(frozen=True)
class Calibration:
    """Factors of a board.

    Attributes
    ----------
    chip : str
        Of the board.
    factors : dict of str to float
        By kind of kernel and part: `esp-dl instructions`. What is missing is 1.
    calls : int
        How many were measured.
    before_percent, after_percent : float
        What all calls together were estimated off by, without and with the factors; and
        `calls_percent`, what a call is off by on average with them, by its share of the time.
    """

    chip: str
    factors: Mapping[str, float] = field(default_factory=dict)
    calls: int = 0
    before_percent: float = 0.0
    after_percent: float = 0.0
    calls_percent: float = 0.0

    def factor(self, kind: str, part: str) -> float:
        """What a part's cycles are multiplied with."""
        return self.factors.get(f"{kind} {part}", 1.0)
