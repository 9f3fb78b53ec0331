"""Greedy search: the layer with the most gain per extra cycle becomes int16, then the next.

What a layer gains depends on those already taken, so a layer is measured again before it is taken;
one that still leads with its new figure leads over all, as gains rarely grow. Source of the order:
Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978. What was
taken early and turns out to be dear and superfluous is taken back in the end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ..precision import choosable, name_of
from ..recovery import recover
from ..workbench import Workbench
from .costs import network_cycles
from .goal import Goal
from .tradeoff import Sensitivity, Tradeoff, TradeoffStep
from .trials import decibels, refused_borders, trial_noise, widened

#: Steps of recovery that are run to judge a network: without them a layer would be paid for that
#: they make superfluous. The others take too long for every trial.
JUDGED_WITH = ("rounding", "equalization", "bias")


@dataclass
class _Choice:
    """A layer that may become int16."""

    node: int
    worth: float
    fresh: bool = True


@dataclass
class _Search:
    """One search in the making."""

    bench: Workbench
    steps: tuple[str, ...]
    goal: Goal
    taken: list[int] = field(default_factory=list)
    alone: list[tuple[float, Sensitivity]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fixed = [i for i in choosable(self.bench.plan) if i in self.bench.plan.wide]
        self.first_cycles = network_cycles(self.bench.plan, self.bench.chip)
        self.cycles, self.noise = self.first_cycles, self.measure(self.bench)
        self.known = frozenset(refused_borders(self.bench))
        self.account = [TradeoffStep("", 0.0, self.judge(self.bench))]

    def measure(self, bench: Workbench) -> float:
        return trial_noise(bench, rounded="rounding" in self.steps)

    def judge(self, bench: Workbench) -> float:
        found, _ = recover(bench, [step for step in self.steps if step in JUDGED_WITH])
        return decibels(bench.of(found).held_out_noise(found))

    def refused(self, bench: Workbench) -> str:
        """Why not, beyond what the layers that the user named bring with them."""
        return next((why for why in refused_borders(bench) if why not in self.known), "")

    def with_layer(self, node: int) -> Workbench:
        return widened(self.bench, [*self.fixed, *self.taken, node])

    def try_layers(self) -> list[_Choice]:
        """Measure each layer alone; those that may be taken."""
        found = []
        nodes = choosable(self.bench.plan)
        for number, node in enumerate(nodes, 1):
            if node in self.fixed:
                continue
            self.bench.progress.stage(f"int16: layer {number} of {len(nodes)}")
            bench = self.with_layer(node)
            extra = network_cycles(bench.plan, bench.chip) - self.cycles
            refused = self.refused(bench)
            noise = self.measure(bench)
            worth = _worth(self.noise, noise, extra)
            name = name_of(self.bench.plan, node)
            self.alone.append((worth, Sensitivity(name, extra, decibels(noise), refused)))
            found.append(_Choice(node, worth))
        return found

    def fits(self, cycles: float) -> bool:
        if self.goal.budget is None:
            return True
        return cycles - self.first_cycles <= self.goal.budget * self.first_cycles

    def next_layer(self, open_layers: list[_Choice]) -> _Choice | None:
        """The layer to take next, measured with those taken; None if there is none."""
        set_aside: set[int] = set()
        while True:
            leading = [choice for choice in open_layers if choice.node not in set_aside]
            if not leading:
                return None
            first = max(leading, key=lambda choice: (choice.worth, -choice.node))
            bench = self.with_layer(first.node)
            cycles = network_cycles(bench.plan, bench.chip)
            if not self.fits(cycles) or self.refused(bench):
                set_aside.add(first.node)
            elif first.fresh:
                return first
            else:
                first.worth = _worth(self.noise, self.measure(bench), cycles - self.cycles)
                first.fresh = True

    def take(self, node: int) -> None:
        bench = self.with_layer(node)
        self.taken.append(node)
        self.cycles = network_cycles(bench.plan, bench.chip)
        self.noise = self.measure(bench)
        extra = self.cycles - self.first_cycles
        self.account.append(TradeoffStep(name_of(bench.plan, node), extra, self.judge(bench)))

    def drop_superfluous(self) -> None:
        """Take layers back, the dearest first, as long as the wanted accuracy stays reached."""
        assert self.goal.wanted_snr is not None
        extra = {entry.layer: entry.extra_cycles for _, entry in self.alone}
        plan = self.bench.plan
        for node in sorted(self.taken, key=lambda n: (-extra[name_of(plan, n)], n)):
            rest = [other for other in self.taken if other != node]
            bench = widened(self.bench, [*self.fixed, *rest])
            cheaper = network_cycles(bench.plan, bench.chip) < self.cycles
            if not cheaper or self.refused(bench) or self.judge(bench) < self.goal.wanted_snr:
                continue
            self.taken, self.cycles = rest, network_cycles(bench.plan, bench.chip)
        kept, self.taken = self.taken, []
        del self.account[1:]
        for node in kept:
            if not self.reached():
                self.take(node)

    def reached(self) -> bool:
        wanted = self.goal.wanted_snr
        return wanted is not None and self.account[-1].snr >= wanted

    def run(self) -> None:
        if self.reached():
            return
        open_layers = self.try_layers()
        while (choice := self.next_layer(open_layers)) is not None:
            if choice.worth <= 0 and self.goal.wanted_snr is None:
                return
            self.take(choice.node)
            open_layers.remove(choice)
            for other in open_layers:
                other.fresh = False
            if self.reached():
                self.drop_superfluous()
                return


def _worth(before: float, noise: float, extra_cycles: float) -> float:
    """Gain per cycle; a layer that costs nothing, for it joins its neighbours, costs one cycle."""
    gain = before - noise if before != noise else 0.0  # both may be infinite
    return gain / max(extra_cycles, 1.0)


def choose_int16(
    bench: Workbench, steps: Collection[str], goal: Goal
) -> tuple[Workbench, Tradeoff]:
    """Choose the layers that compute in int16, until the `goal` is reached.

    Layers that are int16 already, for the user named them, stay so. Of the steps that recover
    accuracy, those of `JUDGED_WITH` are run to judge. Returns the workbench of the network with the
    chosen layers, and what was measured.
    """
    search = _Search(bench, tuple(steps), goal)
    search.run()
    # Layers after the best judgement brought nothing.
    snrs = [step.snr for step in search.account]
    chosen = len(snrs) - 1 if search.reached() else snrs.index(max(snrs))
    alone = sorted(search.alone, key=lambda entry: -entry[0])
    account = Tradeoff(
        bench.chip.name,
        goal,
        search.first_cycles,
        tuple(entry for _, entry in alone),
        tuple(search.account),
        chosen,
        goal.wanted_snr is None or search.reached(),
        bool(bench.held_out),
    )
    return widened(bench, [*search.fixed, *search.taken[:chosen]]), account
