"""Energy of an inference as an order of magnitude, from the current that a chip at work may take.

It must never be shown without that word: boards, their regulators and memories differ widely.
"""

from __future__ import annotations

from .evaluation import Figures

_VOLTS = 3.3


def millijoules(figures: Figures) -> float:
    """About what the chip takes for one inference, its radio switched off."""
    watts = _VOLTS * figures.chip.milliamperes / 1000
    return watts * figures.milliseconds
