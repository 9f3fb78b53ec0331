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
    """One layer alone in int16, or in float.

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
    real : bool
        Whether it is float.
    """

    layer: str
    extra_cycles: float
    snr: float
    refused: str = ""
    real: bool = False


@dataclass(frozen=True)
class TradeoffStep:
    """The network after one more layer became int16, or float.

    Attributes
    ----------
    layer : str
        That layer; empty for the network before the first.
    extra_cycles : float
        Of all layers so far, over the network in int8.
    snr : float
        Signal-to-noise ratio in dB on held-out samples, recovery of accuracy included.
    real : bool
        Whether the layer became float.
    """

    layer: str
    extra_cycles: float
    snr: float
    real: bool = False


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
        """The layers that became int16, in the order in which they did."""
        return tuple(step.layer for step in self.steps[1 : self.chosen + 1] if not step.real)

    @property
    def floats(self) -> tuple[str, ...]:
        """The layers that became float, in the order in which they did."""
        return tuple(step.layer for step in self.steps[1 : self.chosen + 1] if step.real)

    def share(self, extra_cycles: float) -> float:
        """Extra cycles as a share of those of the network in int8."""
        return extra_cycles / self.cycles if self.cycles else 0.0

    def __str__(self) -> str:
        """A table that fits 100 columns."""
        judged = "on held-out samples" if self.held_out else "on the samples searched with"
        what = "int16 and float" if any(step.real for step in self.steps) else "int16"
        lines = [f"{what} on {self.chip}: extra cycles (rough) and SNR {judged}, in simulation"]
        for number, step in enumerate(self.steps):
            taken = "" if number <= self.chosen else "  not taken"
            lines.append(self._line(step) + taken)
        if not self.reached:
            best = self.steps[self.chosen].snr
            lines.append(f"not reached: {self.goal.wanted_snr:g} dB wanted, {best:.1f} dB found")
        listed = [entry for entry in self.alone if not entry.refused][:MOST_LISTED]
        if listed:
            lines.append("each layer alone, on the samples searched with:")
            lines.extend(map(self._line, listed))
        lines.extend(
            f"no choice: {shorten(entry.layer, NAME_WIDTH)}: {entry.refused}"
            for entry in self.alone
            if entry.refused
        )
        return "\n".join(lines)

    def _line(self, entry: Sensitivity | TradeoffStep) -> str:
        form = " (float)" if entry.real else ""
        shown = shorten(entry.layer or "before", NAME_WIDTH - len(form)) + form
        return f"  {shown:<{NAME_WIDTH}} {self.share(entry.extra_cycles):+8.1%} {entry.snr:7.1f} dB"
