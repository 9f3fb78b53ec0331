"""Greedy search: the layer with the most gain per extra cycle becomes int16, then the next.

What a layer gains depends on those already taken, so a layer is measured again before it is taken;
one that still leads with its new figure leads over all, as gains rarely grow. Source of the order:
Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978. What was
taken early and turns out to be dear and superfluous is taken back in the end. Where int16 does not
reach the wanted accuracy, layers become float in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from ..precision import choosable, name_of
from ..recovery import recover
from ..workbench import Workbench
from .change import Change, changed, possible_floats
from .costs import network_cycles
from .goal import Goal
from .tradeoff import Sensitivity, Tradeoff, TradeoffStep
from .trials import decibels, refused_borders, trial_noise

#: Steps of recovery that are run to judge a network: without them a layer would be paid for that
#: they make superfluous. The others take too long for every trial.
JUDGED_WITH = ("methods", "rounding", "equalization", "bias")

#: The share of the noise that a layer has to save alone to be taken for that.
LEAST_GAIN = 0.05

#: Layers that may become float one after the other without a gain.
PATIENCE = 4


@dataclass(frozen=True, order=True)
class _Lever:
    """A layer, by the first node of its kernel, in int16 or in float."""

    node: int
    real: bool


@dataclass
class _Choice:
    """A layer that may become int16 or float."""

    lever: _Lever
    worth: float
    fresh: bool = True


@dataclass
class _Search:
    """One search in the making."""

    bench: Workbench
    steps: tuple[str, ...]
    goal: Goal
    taken: list[_Lever] = field(default_factory=list)
    alone: list[tuple[float, Sensitivity]] = field(default_factory=list)
    extra: dict[_Lever, float] = field(default_factory=dict)  #: Cycles that each costs alone.

    def __post_init__(self) -> None:
        self.fixed = [i for i in choosable(self.bench.plan) if i in self.bench.plan.wide]
        self.first_cycles = network_cycles(self.bench.plan, self.bench.chip)
        self.has_floats = False  # Where int16 alone is not enough, layers may become float, too.
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

    def with_levers(self, levers: Iterable[_Lever]) -> Workbench | None:
        """None if nothing would be quantized."""
        parts = [Change(*_sides(lever)) for lever in levers]
        return changed(self.bench, reduce(or_, parts, Change(frozenset(self.fixed))))

    def try_layers(self, levers: Sequence[_Lever]) -> list[_Choice]:
        """Measure each layer, with those taken before; those that may be taken."""
        found = []
        for number, lever in enumerate(levers, 1):
            form = "float" if lever.real else "int16"
            self.bench.progress.stage(f"{form}: layer {number} of {len(levers)}")
            bench = self.with_levers([*self.taken, lever])
            if bench is None:
                continue
            extra = network_cycles(bench.plan, bench.chip) - self.cycles
            refused = self.refused(bench)
            noise = self.measure(bench)
            worth = _worth(self.noise, noise, extra)
            self.extra[lever] = extra
            name = name_of(self.bench.plan, lever.node)
            entry = Sensitivity(name, extra, decibels(noise), refused, lever.real)
            if lever.real or not self.has_floats:
                self.alone.append((worth, entry))
            found.append(_Choice(lever, worth))
        return found

    def fits(self, cycles: float) -> bool:
        if self.goal.budget is None:
            return True
        return cycles - self.first_cycles <= self.goal.budget * self.first_cycles

    def next_layer(self, open_layers: list[_Choice]) -> _Choice | None:
        """The layer to take next, measured with those taken; None if there is none."""
        set_aside: set[_Lever] = set()
        while True:
            leading = [choice for choice in open_layers if choice.lever not in set_aside]
            if not leading:
                return None
            first = max(leading, key=self.rank)
            bench = self.with_levers([*self.taken, first.lever])
            cycles = 0.0 if bench is None else network_cycles(bench.plan, bench.chip)
            if bench is None or not self.fits(cycles) or self.refused(bench):
                set_aside.add(first.lever)
            elif first.fresh:
                return first
            else:
                first.worth = _worth(self.noise, self.measure(bench), cycles - self.cycles)
                first.fresh = True

    def rank(self, choice: _Choice) -> tuple[float, ...]:
        """What is taken first: the most gain per cycle.

        One layer in float may bring nothing where its neighbours hold the same numbers: then the
        neighbour of one that is float already comes first, or the cheapest.
        """
        node, real = choice.lever.node, choice.lever.real
        if not self.has_floats:
            return choice.worth, -node
        extra = max(self.extra[choice.lever], 1.0)
        gains = choice.worth * extra > LEAST_GAIN * self.noise
        beside = float(real and self.is_beside_float(node))
        return choice.worth if gains else 0.0, beside, float(real), -extra, -node

    def is_beside_float(self, node: int) -> bool:
        graph = self.bench.plan.graph
        made, read = (set(nodes) for nodes in (graph.nodes[node].output, graph.nodes[node].input))
        others = [graph.nodes[lever.node] for lever in self.taken if lever.real]
        return any(made & {*other.input} or read & {*other.output} for other in others)

    def take(self, lever: _Lever) -> None:
        bench = self.with_levers([*self.taken, lever])
        assert bench is not None
        self.taken.append(lever)
        self.cycles = network_cycles(bench.plan, bench.chip)
        self.noise = self.measure(bench)
        name, extra = name_of(self.bench.plan, lever.node), self.cycles - self.first_cycles
        self.account.append(TradeoffStep(name, extra, self.judge(bench), lever.real))

    def drop_superfluous(self) -> None:
        """Take layers back, the dearest first, as long as the wanted accuracy stays reached."""
        assert self.goal.wanted_snr is not None
        for lever in sorted(self.taken, key=lambda one: (-self.extra[one], one)):
            rest = [other for other in self.taken if other != lever]
            bench = self.with_levers(rest)
            assert bench is not None
            cheaper = network_cycles(bench.plan, bench.chip) < self.cycles
            if not cheaper or self.refused(bench) or self.judge(bench) < self.goal.wanted_snr:
                continue
            self.taken, self.cycles = rest, network_cycles(bench.plan, bench.chip)
        kept, self.taken = self.taken, []
        del self.account[1:]
        for lever in kept:
            if not self.reached():
                self.take(lever)

    def keep_best(self) -> None:
        """Give back what was taken after the best judgement: it brought nothing."""
        snrs = [step.snr for step in self.account]
        best = snrs.index(max(snrs))
        del self.account[best + 1 :], self.taken[best:]
        bench = self.with_levers(self.taken)
        assert bench is not None
        self.cycles, self.noise = network_cycles(bench.plan, bench.chip), self.measure(bench)

    def reached(self) -> bool:
        wanted = self.goal.wanted_snr
        return wanted is not None and self.account[-1].snr >= wanted

    def run(self) -> None:
        plan = self.bench.plan
        nodes = [node for node in choosable(plan) if node not in self.fixed]
        self.search([_Lever(node, real=False) for node in nodes])
        if self.goal.wanted_snr is not None and not self.reached():
            self.keep_best()
            self.has_floats = True
            levers = [_Lever(node, real=False) for node in nodes]
            levers += [_Lever(node, real=True) for node in possible_floats(plan)]
            self.search([lever for lever in levers if lever not in self.taken])

    def search(self, levers: Sequence[_Lever]) -> None:
        """Take layers one by one, until the goal is reached or none is left."""
        if self.reached():
            return
        open_layers, best, idle = self.try_layers(levers), self.account[-1].snr, 0
        while (choice := self.next_layer(open_layers)) is not None:
            if choice.worth <= 0 and self.goal.wanted_snr is None:
                return
            self.take(choice.lever)
            idle = 0 if self.account[-1].snr > best + 0.1 else idle + 1
            best = max(best, self.account[-1].snr)
            if self.has_floats and idle > PATIENCE:
                return
            open_layers.remove(choice)
            for other in open_layers:
                other.fresh = False
            if self.reached():
                self.drop_superfluous()
                return


def _sides(lever: _Lever) -> tuple[frozenset[int], frozenset[int]]:
    one, none = frozenset({lever.node}), frozenset[int]()
    return (none, one) if lever.real else (one, none)


def _worth(before: float, noise: float, extra_cycles: float) -> float:
    """Gain per cycle; a layer that costs nothing, for it joins its neighbours, costs one cycle."""
    gain = before - noise if before != noise else 0.0  # both may be infinite
    return gain / max(extra_cycles, 1.0)


def choose_int16(
    bench: Workbench, steps: Collection[str], goal: Goal
) -> tuple[Workbench, Tradeoff]:
    """Choose the layers that compute in int16, else in float, until the `goal` is reached.

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
    found = search.with_levers(search.taken[:chosen])
    assert found is not None
    return found, account
