"""The same network with other layers in int16, on the measurements that were made once.

Must never calibrate: ranges and moments are those of the float network, whatever the widths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...ops.base.operator import Tensor
from ...ops.requantize import Requantize
from ..candidate import Candidate
from ..precision import borders, name_of
from ..workbench import Workbench

#: Samples that a trial runs; a network is judged by more in the end.
TRIAL_SAMPLES = 16


def trial_noise(bench: Workbench, *, rounded: bool) -> float:
    """Noise over signal on some of the samples to search with, biases not corrected."""
    return bench.noise(Candidate(rounded=rounded), slice(TRIAL_SAMPLES))


def decibels(noise: float) -> float:
    """The signal-to-noise ratio of a noise over signal."""
    return -10 * math.log10(noise) if noise > 0 else math.inf


def refused_borders(bench: Workbench) -> Iterator[str]:
    """Why a change of width would not run on the chip's kernels, one sentence per border.

    The rules are those of the requantize; exponents play no part in them from int8 to int16.
    """
    plan = bench.plan
    for index, _, name in borders(plan):
        shape = plan.graph.shape(name)
        if shape is None or plan.bits(index) != 16:
            continue
        widening = Requantize(Tensor("int8", shape, 0), Tensor("int16", shape, -8))
        for refusal in widening.refusals(bench.chip):
            yield f"{name_of(plan, index)} would read {refusal.found} in another width"
