"""Which output channels may be summed in any order, and which in the chip's own, decided at build.

Channels are taken in blocks as wide as the chip's vectors; it emits no code and sums nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...chips import Accumulator, Chip
from ...ops.base.accumulate import accumulators, kept_bias, largest_sums, must_follow_order
from ...ops.base.rounding import Array

BLOCK = {"int8": 16, "int16": 8}
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Group:
    """Blocks of output channels that are summed alike.

    Attributes
    ----------
    width : int
        Channels of a block.
    dtype : str
        Type wide enough for every partial sum.
    clamped : Accumulator or None
        The register whose limits each sum must obey in the chip's order; None for any order.
    wraps : bool
        Whether only the low 32 bits of the whole sum count.
    starts : tuple of int
        First channel of each block.
    """

    width: int
    dtype: str
    clamped: Accumulator | None
    wraps: bool
    starts: tuple[int, ...] = ()


def groups(
    chip: Chip, weights: Array, bias: Array, dtype: str, *, lanes_only: bool = False
) -> list[Group]:
    """All output channels, each in one group.

    Parameters
    ----------
    weights : numpy.ndarray
        `(channels, products)`.
    bias : numpy.ndarray
        `(channels,)`, as `bias_of` gives it.
    """
    bounds = largest_sums(weights, bias, dtype)
    ordered = must_follow_order(chip, weights, bias, dtype, lanes_only=lanes_only)
    found: dict[Group, list[int]] = {}
    for channels, register in accumulators(chip, dtype, len(weights), lanes_only):
        for start in range(channels.start, channels.stop, BLOCK[dtype]):
            stop = min(start + BLOCK[dtype], channels.stop)
            bound = bounds[start:stop]
            # Sums near the limits of int64 turn negative here.
            narrow = bool((bound >= 0).all() and (bound <= INT32_MAX).all())
            clamps = bool(register.products_per_clamp and ordered[start:stop].any())
            group = Group(
                width=stop - start,
                dtype="int32" if narrow or (clamps and register.bits <= 20) else "int64",
                clamped=register if clamps else None,
                wraps=not (narrow or register.products_per_clamp or register.bits > 32),
            )
            found.setdefault(group, []).append(start)
    return [Group(g.width, g.dtype, g.clamped, g.wraps, tuple(s)) for g, s in found.items()]


def bias_of(chip: Chip, bias: Array | None, channels: int, dtype: str, lanes_only: bool) -> Array:
    """The bias as the kernel reads it: int32 for int8 data, else int64; zeros for none."""
    kept = np.zeros(channels, np.int64)
    if bias is not None:
        kept = kept_bias(chip, bias, dtype, lanes_only=lanes_only)
    return kept.astype(np.int32 if dtype == "int8" else np.int64)
