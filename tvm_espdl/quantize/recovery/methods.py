"""Exponents of all activations as the other methods choose them, if the outputs gain by these.

Each method weighs large values against small ones in its own way; which is right depends on what
the network makes of them. Must never mix methods: single exponents are another step's to try.
"""

from __future__ import annotations

from dataclasses import replace

from ..assignment import Assigner, Choice
from ..candidate import Candidate
from ..methods import METHODS
from ..plan import Plan
from ..sharing import Member
from ..workbench import Workbench
from .exponents import LEAST_GAIN

#: Samples that methods are compared on, in two halves that both have to tell a gain.
MOST_SAMPLES = 12


def methods(bench: Workbench, candidate: Candidate) -> Candidate:
    """Try all exponents of activations at once, as each other method chooses them."""
    if bench.choice.exponents:
        return candidate  # they are known, and no method chose them
    halves = (slice(0, MOST_SAMPLES, 2), slice(1, MOST_SAMPLES, 2))
    parts = halves[: len(bench.samples)]
    before = list(bench.noises(candidate, parts))
    best, least = candidate, before
    tried = []
    for method in METHODS.values():
        shifts = _shifts(bench, replace(bench.choice, method=method))
        if not shifts or shifts in tried:
            continue
        tried.append(shifts)
        trial = replace(candidate, shifts={**candidate.shifts, **shifts})
        found = list(bench.noises(trial, parts))
        gains = all(now < was * (1 - LEAST_GAIN) for was, now in zip(before, found, strict=True))
        if gains and sum(found) < sum(least):
            best, least = trial, found
    return best


def _shifts(bench: Workbench, choice: Choice) -> dict[Member | int, int]:
    """From the exponents of int8 groups to those of another choice, where they differ.

    Groups of int16 have room for larger values, which only unseen samples could tell the use of.
    """
    other = Assigner(bench.plan, bench.ranges, choice, bench.chip)
    roots = [r for r in bench.assigner.sharing.groups.all() if _bits(bench.plan, r) == 8]
    steps = {root: other.chosen(root) - bench.assigner.chosen(root) for root in roots}
    return {root: step for root, step in steps.items() if step}


def _bits(plan: Plan, member: Member) -> int:
    return plan.tensor_bits(member) if isinstance(member, str) else plan.operand_bits(*member)
