"""One piece of advice as plain data: where accuracy is lost, the cause, the option that mends it.

Must never measure anything: whoever makes it has the figures.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Mend:
    """Options that mend a loss.

    Attributes
    ----------
    options : tuple of str
        Words of the command line, such as `--int16`, `conv1`.
    gain : float
        What the network's SNR in dB gains by them, on held-out samples in simulation.
    time : float
        Extra cycles as a share of the network's, roughly; negative where it gets faster.
    """

    options: tuple[str, ...]
    gain: float
    time: float

    @property
    def line(self) -> str:
        """The words as a shell takes them."""
        return shlex.join(self.options)

    @property
    def effect(self) -> str:
        """What it gains, and its price."""
        return f"{self.gain:+.1f} dB, {self.time:+.0%} time"

    def __str__(self) -> str:
        return f"`{self.line}`: {self.effect}"


@dataclass(frozen=True)
class Advice:
    """What loses accuracy at one place.

    Attributes
    ----------
    layer : str
        The tensor, weights or constant whose integers lose it; "" for all of the others together.
    cost : float
        dB that the network's SNR is lower by, for this is rounded: what it would gain if all of
        its numbers were kept as they are.
    cause : str
        Why it loses so much.
    mend : Mend or None
        The cheapest of the options tried that gain most; None where none of them gains anything
        worth its price.
    """

    layer: str
    cost: float
    cause: str
    mend: Mend | None

    @property
    def loss(self) -> str:
        """Where, how much and why."""
        return f"{self.layer} costs {self.cost:.1f} dB: {self.cause}" if self.layer else self.cause

    def __str__(self) -> str:
        if self.mend is None:
            return f"{self.loss}; no option that was tried gains much"
        return f"{self.loss}; try {self.mend}"
