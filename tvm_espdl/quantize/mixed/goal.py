"""What the user wants of the automatic choice: an accuracy, or a limit of its cost.

Must never be without both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import EspdlError

#: What the option `int16` calls the automatic choice.
AUTO = "auto"


@dataclass(frozen=True)
class Goal:
    """When the automatic choice may stop, and when it must."""

    #: Signal-to-noise ratio in dB, on held-out samples, of the network's outputs; of what a final
    #: Softmax reads in its place.
    wanted_snr: float | None = None
    #: Extra cycles that may be spent, as a share of those of the network in int8.
    budget: float | None = None

    def check(self, automatic: bool) -> None:
        """Refuse goals that say nothing, and goals that nothing asks for.

        Raises EspdlError if there is no goal for the automatic choice, one without it, or one that
        is not a number above 0.
        """
        given = {"wanted_snr": self.wanted_snr, "budget": self.budget}
        stated = {name: value for name, value in given.items() if value is not None}
        if automatic != bool(stated):
            raise EspdlError(
                "the automatic choice of int16 layers and its goal belong together",
                where="option int16",
                found=f"int16={AUTO!r} without a goal" if automatic else f"{stated} without it",
                allowed=f"int16={AUTO!r} with wanted_snr (dB), budget (share of cycles) or both",
                try_=f"int16={AUTO!r}, budget=0.1",
            )
        for name, value in stated.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value > 0):
                raise EspdlError(
                    "the goal of the automatic choice is not a number above 0",
                    where=f"option {name}",
                    found=repr(value),
                    allowed="numbers above 0",
                    try_="wanted_snr=30 (dB), or budget=0.1 (a tenth more cycles)",
                )
