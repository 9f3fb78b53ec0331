"""Advice on a quantized network: the largest losses, their causes, and what mends them.

Must never look at a clock: how much is tried follows from the size of the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..candidate import Candidate
from ..mixed.change import Change
from ..multiply_accumulates import simulation_seconds
from ..plan import Plan
from ..precision import choosable
from ..report.effort import Measure, spread
from ..workbench import Workbench
from .advice import Advice, Mend
from .causes import Causes
from .losses import Loss, Measured
from .mends import Trials, changes_for, floats_for

#: Noise over signal below which a network is good enough to be left alone: 30 dB.
GOOD = 1e-3

#: dB that are worth a line, and lines at most.
LEAST_COST, MOST_LINES = 0.4, 4

#: Seconds of an ordinary PC for finding losses, and for trying changes.
_LOSSES, _TRIALS = 12.0, 15.0

#: Seconds for opening a session, per node.
_NODE = 2e-3

#: Samples to find losses on, and to measure gains on.
_FEW, _SAMPLES = 8, 16

#: dB that all changes together have to gain over the best one to be named.
_MORE = 1.0


def advise(bench: Workbench, candidate: Candidate, measure: Measure) -> tuple[Advice, ...]:
    """Advice on the network of a candidate; empty where its outputs have 30 dB, or no noise.

    `measure` is "all" to try whatever the network's size.
    """
    kept = bench.held_out or bench.samples
    run = simulation_seconds(bench.plan)
    few = spread(kept, _FEW)
    bench.progress.stage("advice: what loses accuracy")
    losses = Measured(bench, candidate, few)
    if not GOOD < losses.noise < math.inf:
        return ()
    most = 1 << 30 if measure == "all" else max(int(_LOSSES / (len(few) * run)), 8)
    found = [loss for loss in losses.losses(most) if _cost(loss, losses) >= LEAST_COST]
    bench.progress.stage("advice: trying what mends it")
    samples = spread(kept, _SAMPLES)
    measured = Measured(bench, candidate, samples)
    one = len(samples) * run + len(bench.plan.graph.nodes) * _NODE
    left = 1 << 30 if measure == "all" else max(int(_TRIALS / one), 6)
    return tuple(_lines(found[:MOST_LINES], losses, Trials(measured, candidate, left)))


def _cost(loss: Loss, measured: Measured) -> float:
    """In dB, at most 60."""
    left = max(measured.noise - loss.noise, measured.noise * 1e-6)
    return 10 * math.log10(measured.noise / left)


def _lines(losses: list[Loss], measured: Measured, trials: Trials) -> Iterator[Advice]:
    plan = measured.bench.plan
    causes = Causes(measured.bench.assigner, measured.assignment)
    together, best = Change(), 0.0
    count = 0
    for loss in losses:
        found = trials.mend(changes_for(loss, plan)) or trials.mend(floats_for(loss, plan))
        if found is not None:
            together, best, count = together | found[0], max(best, found[1].gain), count + 1
        cause = causes.of(loss.rounding, loss.noise)
        mend = None if found is None else found[1]
        yield Advice(_called(loss, plan), _cost(loss, measured), cause, mend)
    trials.left = max(trials.left, 2)  # These are the most useful.
    every = Change(wide=frozenset(choosable(plan)))
    found = trials.mend([together]) if count > 1 else None
    if found is not None and found[1].gain > best + _MORE:
        best = found[1].gain
        yield Advice("", 0.0, "all of these together", found[1])
    found = trials.mend([every]) if best < 2 * _MORE else None
    if found is not None and found[1].gain > best + _MORE:
        what = "many layers add a little each: --int16 auto with --wanted_snr takes those it needs"
        yield Advice("", 0.0, what, Mend(("--int16", "*"), found[1].gain, found[1].time))


def _called(loss: Loss, plan: Plan) -> str:
    key = loss.rounding.key
    if isinstance(key, str):
        return key
    return str(plan.graph.nodes[key[0]].input[key[1]])
