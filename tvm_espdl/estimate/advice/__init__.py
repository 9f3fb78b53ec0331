"""What would make a network faster, each with the gain that the estimator predicts for it.

Every figure is that of a second estimate; nothing is advised by rule of thumb, and nothing whose
gain is not computed.
"""

from __future__ import annotations

from ..evaluation import Figures
from .entry import Advice
from .layers import of_layers
from .settings import of_settings
from .steps import of_steps

#: Shares of the time below which a gain is not worth a line.
_LEAST_SHARE = 0.005


def advice_for(figures: Figures) -> tuple[Advice, ...]:
    """All advice, the largest gain first."""
    found = [*of_settings(figures), *of_layers(figures), *of_steps(figures)]
    worth = [one for one in found if one.milliseconds >= _LEAST_SHARE * figures.milliseconds]
    return tuple(sorted(worth, key=lambda one: -one.milliseconds))


__all__ = ["Advice", "advice_for"]
