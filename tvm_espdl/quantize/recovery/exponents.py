"""Search over exponents by what they do to the network's outputs, one group after the other.

Must never follow a gain that samples of this number would show by chance, so that both halves of
them have to tell it, nor look at samples that are held out.
"""

from __future__ import annotations

from dataclasses import replace

from ..candidate import Candidate
from ..sharing import Member, share_exponents
from ..workbench import Workbench

#: A change has to lower the noise by this share, in each half of the samples.
LEAST_GAIN = 0.01

#: Every second sample, and those between.
HALVES = (slice(0, None, 2), slice(1, None, 2))

#: How often all exponents are gone through.
ROUNDS = 2


def exponents(bench: Workbench, candidate: Candidate) -> Candidate:
    """Try one step finer and one step coarser for every activation and every layer's weights."""
    best, noise = candidate, list(bench.noises(candidate, _halves(bench)))
    for _ in range(ROUNDS):
        before = noise
        for key in _keys(bench):
            for step in (-1, 1):
                shifts = {**best.shifts, key: best.shifts.get(key, 0) + step}
                trial = replace(best, shifts=shifts)
                found = _lower_noise(bench, trial, noise)
                if found is not None:
                    best, noise = trial, found
                    break
        if noise == before:
            break
    return best


def _keys(bench: Workbench) -> list[Member | int]:
    sharing = share_exponents(bench.plan)
    groups = dict.fromkeys(sharing.groups.find(name) for name in bench.plan.tensors())
    return [*groups, *(layer.node for layer in bench.plan.layers())]


def _lower_noise(bench: Workbench, candidate: Candidate, noise: list[float]) -> list[float] | None:
    """The noise in each half, or None if one does not gain enough over that of the best so far.

    The second half is not run where the first decides.
    """
    found: list[float] = []
    for before, now in zip(noise, bench.noises(candidate, _halves(bench)), strict=False):
        if not now < before * (1 - LEAST_GAIN):
            return None
        found.append(now)
    return found


def _halves(bench: Workbench) -> tuple[slice, ...]:
    return HALVES if len(bench.samples) > 1 else (slice(None),)
