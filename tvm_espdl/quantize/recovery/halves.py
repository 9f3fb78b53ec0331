"""Judges trials of a search by two separate halves of the samples: what both tell is less chance.

Must never look at samples that are held out.
"""

from __future__ import annotations

from ..candidate import Candidate
from ..workbench import Workbench

#: Every second sample, and those between.
HALVES = (slice(0, None, 2), slice(1, None, 2))


def noise_in_halves(bench: Workbench, candidate: Candidate) -> list[float]:
    """Noise over signal in each half; of a single sample, its own."""
    return list(bench.noises(candidate, _halves(bench)))


def lower_noise(
    bench: Workbench, candidate: Candidate, noise: list[float], least_gain: float
) -> list[float] | None:
    """The noise of `candidate` in each half, or None if a half does not gain enough.

    Each has to be lower than `noise`, of the best candidate so far, by the share `least_gain`. The
    second half is not run where the first decides.
    """
    found: list[float] = []
    for before, now in zip(noise, bench.noises(candidate, _halves(bench)), strict=False):
        if not now < before * (1 - least_gain):
            return None
        found.append(now)
    return found


def _halves(bench: Workbench) -> tuple[slice, ...]:
    return HALVES if len(bench.samples) > 1 else (slice(None),)
