"""The account of preprocessing: which steps changed how much, and how far the result deviates.

Must never run a step.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PreprocessReport:
    """What preprocessing did to a network.

    Attributes
    ----------
    steps : tuple of (str, int)
        The steps that changed something, in the order of the table, and in how many places.
    absolute : float
        Largest difference between an element of an output and the original's.
    relative : float
        Largest difference relative to the largest value of its output.
    samples : int
        The number of random inputs that were compared; 0 where nothing was changed.
    """

    steps: tuple[tuple[str, int], ...]
    absolute: float = 0.0
    relative: float = 0.0
    samples: int = 0

    def __str__(self) -> str:
        lines = [f"{name}: {count} place{'s' if count > 1 else ''}" for name, count in self.steps]
        if not self.samples:
            return "\n".join([*lines, "no node was changed"])
        return "\n".join(
            [
                *lines,
                f"largest deviation from the original on {self.samples} random inputs: "
                f"{self.absolute:.2g}, {self.relative:.2g} of the output's largest value",
            ]
        )
