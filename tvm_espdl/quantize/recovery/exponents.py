"""Search over exponents by what they do to the network's outputs, one group after the other.

Must never follow a gain that samples of this number would show by chance.
"""

from __future__ import annotations

from dataclasses import replace

from ..candidate import Candidate
from ..sharing import Member, share_exponents
from ..workbench import Workbench
from .halves import lower_noise, noise_in_halves

#: A change has to lower the noise by this share, in each half of the samples.
LEAST_GAIN = 0.01

#: How often all exponents are gone through.
ROUNDS = 2


def exponents(bench: Workbench, candidate: Candidate) -> Candidate:
    """Try one step finer and one step coarser for every activation and every layer's weights."""
    best, noise = candidate, noise_in_halves(bench, candidate)
    for _ in range(ROUNDS):
        before = noise
        for key in _keys(bench):
            for step in (-1, 1):
                shifts = {**best.shifts, key: best.shifts.get(key, 0) + step}
                trial = replace(best, shifts=shifts)
                found = lower_noise(bench, trial, noise, LEAST_GAIN)
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
