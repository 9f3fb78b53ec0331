"""A layer rounds in another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...chips import CHIPS
from ..layer_run import LayerRun
from ..scaled import ROUNDINGS
from .explanation import Attempt, Explanation

_WORDS = {
    "half_up": "ties go up",
    "half_even": "ties go to the even integer",
    "half_away": "ties go away from zero, as round() of C does",
    "floor": "always down, as >> of C does",
    "truncation": "always towards zero, as / of C does",
}


class OtherRounding(Explanation):
    """The layer rounds in another way than the chip does.

    Try: look which kernel ran: ESP32-P4 and ESP32-S31 round ties to even, all other chips up, and
    a plain shift or division rounds down or towards zero.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Each way, where it is known what is rounded; else that of other chips."""
        own = run.chip.rounding
        if run.scaled is not None:
            for rounding in ROUNDINGS:
                if rounding != own:
                    yield _detail(rounding, own), run.scaled.result(rounding)
            return
        for other in dict.fromkeys(chip.rounding for chip in CHIPS.values()):
            if other != own:
                yield _detail(other, own), run.recomputed(chip=replace(run.chip, rounding=other))


def _detail(rounding: str, own: str) -> str:
    return f"{_WORDS[rounding]}; right is: {_WORDS[own]}"
