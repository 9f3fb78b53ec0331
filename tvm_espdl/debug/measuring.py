"""By how much a board's tensor differs from the PC's, in figures."""

from __future__ import annotations

import math

import numpy as np

from ..ops.base.rounding import Array
from .observed import same_bits
from .rows import Difference


def difference(name: str, board: Array, pc: Array, axes: str = "") -> Difference | None:
    """The figures of a difference; None where all bits agree.

    Parameters
    ----------
    board : numpy.ndarray
        Of pc's type: its shape, or its first values as a flat array.
    """
    values, whole = board.ravel(), pc.ravel()[: board.size]
    unequal = (~same_bits(values, whole)).nonzero()[0]
    if not unequal.size:
        return None
    at = int(unequal[0])
    signal, received = whole.astype(np.float64), values.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        noise = received - signal
        largest = float(np.abs(noise).max())
    return Difference(
        name,
        int(unequal.size),
        int(whole.size),
        at,
        float(values[at]),
        float(whole[at]),
        largest,
        tuple(map(int, np.unravel_index(at, pc.shape))) if pc.ndim else (),
        axes,
        signal_to_noise(signal, noise),
        np.issubdtype(pc.dtype, np.integer),
    )


def signal_to_noise(signal: Array, noise: Array) -> float:
    """In dB, of float64 arrays: inf without noise, -inf without signal, NaN where they have one."""
    with np.errstate(invalid="ignore", over="ignore"):
        powers = float(np.square(signal).sum()), float(np.square(noise).sum())
    if powers[1] == 0:
        return math.inf
    if powers[0] == 0:
        return -math.inf
    if not all(map(math.isfinite, powers)):
        return math.nan
    return 10 * math.log10(powers[0] / powers[1])
