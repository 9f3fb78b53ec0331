"""What layers gain by being otherwise: their counts as they would be, against what they are."""

from __future__ import annotations

from ..cycles import Counts
from ..evaluation import Figures

#: Kernels that sum products with constant weights.
WEIGHTED = ("conv2d", "depthwise_conv2d", "gemm")


def gained(figures: Figures, index: int, changed: Counts) -> float:
    """Milliseconds that a step takes less with other counts."""
    return _milliseconds(figures, figures.counts[index]) - _milliseconds(figures, changed)


def _milliseconds(figures: Figures, counts: Counts) -> float:
    return 1000 * sum(figures.priced(counts).values()) / figures.machine.clock_hz
