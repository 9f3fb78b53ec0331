"""The changes that may mend a loss, each tried on the network: gain by simulation, and its price.

Must never measure a changed network on other samples, or by other tensors, than the one at hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ..candidate import Candidate
from ..masks import log_probabilities
from ..mixed.change import Change, changed
from ..mixed.costs import network_cycles
from ..mixed.trials import refused_borders
from ..plan import Plan
from ..precision import choosable, head_of
from ..settling import settle
from ..simulation import noise_power
from ..workbench import Workbench
from .advice import Mend
from .losses import Loss, Measured

#: Gains in dB below which int16 is not proposed, and float, which takes much more time.
LEAST_GAIN, LEAST_GAIN_OF_FLOAT = 0.5, 2.0

#: The share of the largest gain that a cheaper change must have to be preferred.
ENOUGH = 0.7


@dataclass
class Trials:
    """Tries changes of one network; the same one once."""

    measured: Measured
    candidate: Candidate
    left: int  #: How many more may be tried.
    _known: dict[Change, tuple[float, float] | None] = field(default_factory=dict)

    def mend(self, changes: Iterable[Change]) -> tuple[Change, Mend] | None:
        """The cheapest of the changes that gain about as much as the best one; None if none does.

        Those whose limit of trials is reached are not tried.
        """
        plan = self.measured.bench.plan
        found = []
        for change in dict.fromkeys(changes):
            figures = self._figures(change)
            least = LEAST_GAIN_OF_FLOAT if change.real else LEAST_GAIN
            if figures is not None and figures[0] >= least:
                found.append((change, *figures))
        if not found:
            return None
        most = max(gain for _, gain, _ in found)
        good = [entry for entry in found if entry[1] >= ENOUGH * most]
        change, gain, time = min(good, key=lambda entry: (entry[2], -entry[1]))
        return change, Mend(change.options(plan), gain, time)

    def _figures(self, change: Change) -> tuple[float, float] | None:
        """Gain in dB and extra time as a share; None where it cannot be, or was one too many."""
        if change not in self._known:
            if self.left <= 0:
                return None
            self.left -= 1
            self._known[change] = self._tried(change)
        return self._known[change]

    def _tried(self, change: Change) -> tuple[float, float] | None:
        own, names = self.measured.bench, self.measured.names
        bench = _changed(own, change)
        if bench is None or bench.plan.objective() != names:
            return None
        candidate = _kept(self.candidate, own.plan, bench.plan)
        bench.simulation.set(bench.assign(candidate))
        found = list(bench.simulated_tensors(names, self.measured.samples))
        noise = noise_power(self.measured.references, found, log_probabilities(own.plan.graph))
        if not math.isfinite(noise):
            return None
        gain = 10 * math.log10(self.measured.noise / max(noise, self.measured.noise * 1e-10))
        before = network_cycles(own.plan, own.chip)
        return gain, (network_cycles(bench.plan, bench.chip) - before) / max(before, 1.0)


def _changed(bench: Workbench, change: Change) -> Workbench | None:
    """The workbench of the network with a change; None where the chip has no kernel for it."""
    # The session of the unscaled network is that of another plan.
    other = changed(replace(bench, origin=None), change)
    if other is None:
        return None
    other, known = settle(other), set(refused_borders(bench))
    return None if any(why not in known for why in refused_borders(other)) else other


def _kept(candidate: Candidate, before: Plan, after: Plan) -> Candidate:
    """What of a candidate suits the changed network: corrections of other widths do not."""
    same = {i for i in after.rules if i in before.rules and after.bits(i) == before.bits(i)}
    return replace(
        candidate,
        shifts={} if after.wide != before.wide else candidate.shifts,
        offsets={key: value for key, value in candidate.offsets.items() if key[0] in same},
        values={key: value for key, value in candidate.values.items() if key[0] in same},
    )


def changes_for(loss: Loss, plan: Plan) -> Iterator[Change]:
    """What may mend a loss: int16 where the numbers are made, where they are read, or both."""
    makers, readers = _around(loss, plan)
    able = set(choosable(plan)) - {i for i in plan.rules if plan.bits(i) == 16}
    makers, readers = makers & able, readers & able
    for nodes in (makers, makers | readers, readers):
        if nodes:
            yield Change(wide=frozenset(nodes))


def floats_for(loss: Loss, plan: Plan) -> Iterator[Change]:
    """The same in float, for where int16 does not help."""
    makers, readers = _around(loss, plan)
    for nodes in (makers, makers | readers):
        if nodes:
            yield Change(real=frozenset(nodes))


def _around(loss: Loss, plan: Plan) -> tuple[set[int], set[int]]:
    """The nodes that make what is rounded, and those that compute with it."""
    node, makers = loss.rounding.node, set()
    if node is not None and node in plan.rules:
        makers = {head_of(plan, node)}
    names = [key for key in loss.rounding.keys if isinstance(key, str)]
    if not names and node is not None:
        names = [plan.kernel_output(node)]
    found = {r for name in names for r in plan.graph.consumers(name) if r in plan.rules}
    moving = {r for r in found if plan.rules[r].kind in ("share", "clip")}
    return makers, {head_of(plan, reader) for reader in found - moving} - makers
