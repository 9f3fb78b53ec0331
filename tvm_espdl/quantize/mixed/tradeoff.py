"""What each int16 layer costs and gains, as it was measured: the account of the automatic choice.

Must never measure anything itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...report.text import shorten
from .goal import Goal

#: Layers that are listed with what they gain alone.
MOST_LISTED = 8

#: Characters of a layer's name in the tables.
NAME_WIDTH = 48


@dataclass(frozen=True)
class Sensitivity:
    """One layer alone in int16.

    Attributes
    ----------
    layer : str
        Its node, or its output where the node has no name.
    extra_cycles : float
        What it costs, requantizes at its borders included.
    snr : float
        Signal-to-noise ratio in dB of the network with it, on the samples that are searched with.
    refused : str
        Why it is no choice; empty where it is one.
    """

    layer: str
    extra_cycles: float
    snr: float
    refused: str = ""


@dataclass(frozen=True)
class TradeoffStep:
    """The network after one more layer became int16.

    Attributes
    ----------
    layer : str
        That layer; empty for the network before the first.
    extra_cycles : float
        Of all layers so far, over the network in int8.
    snr : float
        Signal-to-noise ratio in dB on held-out samples, recovery of accuracy included.
    """

    layer: str
    extra_cycles: float
    snr: float


@dataclass(frozen=True)
class Tradeoff:
    """What accuracy costs.

    Attributes
    ----------
    chip : str
        The chip that cycles are counted for.
    goal : Goal
        What was asked for.
    cycles : float
        Of the network in int8, roughly.
    alone : tuple of Sensitivity
        Each layer alone, the most gain per cycle first.
    steps : tuple of TradeoffStep
        The network before the first layer, and after each.
    chosen : int
        How many of the layers were taken.
    reached : bool
        Whether the wanted accuracy was reached; True where none was wanted.
    held_out : bool
        Whether samples were held out to judge by; where False, those that were searched with
        judged.
    """

    chip: str
    goal: Goal
    cycles: float
    alone: tuple[Sensitivity, ...]
    steps: tuple[TradeoffStep, ...]
    chosen: int
    reached: bool
    held_out: bool

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that were taken, in the order in which they were."""
        return tuple(step.layer for step in self.steps[1 : self.chosen + 1])

    def share(self, extra_cycles: float) -> float:
        """Extra cycles as a share of those of the network in int8."""
        return extra_cycles / self.cycles if self.cycles else 0.0

    def __str__(self) -> str:
        """A table that fits 100 columns."""
        judged = "on held-out samples" if self.held_out else "on the samples searched with"
        lines = [f"int16 on {self.chip}: extra cycles (rough) and SNR {judged}, in simulation"]
        for number, step in enumerate(self.steps):
            taken = "" if number <= self.chosen else "  not taken"
            name = step.layer or "before"
            lines.append(self._line(name, step.extra_cycles, step.snr) + taken)
        if not self.reached:
            best = self.steps[self.chosen].snr
            lines.append(f"not reached: {self.goal.wanted_snr:g} dB wanted, {best:.1f} dB found")
        listed = [entry for entry in self.alone if not entry.refused][:MOST_LISTED]
        if listed:
            lines.append("each layer alone, on the samples searched with:")
            lines.extend(
                self._line(shorten(entry.layer, NAME_WIDTH), entry.extra_cycles, entry.snr)
                for entry in listed
            )
        lines.extend(
            f"no choice: {shorten(entry.layer, NAME_WIDTH)}: {entry.refused}"
            for entry in self.alone
            if entry.refused
        )
        return "\n".join(lines)

    def _line(self, name: str, extra_cycles: float, snr: float) -> str:
        shown = shorten(name, NAME_WIDTH)
        return f"  {shown:<{NAME_WIDTH}} {self.share(extra_cycles):+8.1%} {snr:7.1f} dB"
