"""Output channels in vectors of the CPU: which belong together, and what their lanes carry.

It decides, by the chip's registers, what a kernel of dot products can compute; it emits nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....chips import Accumulator, Chip
from ....ops.base.accumulate import accumulators, largest_sums
from ....ops.base.rounding import Array
from ..channels import Group, groups

#: Products of one window up to which twice the bound of a sum fits int32.
MOST_PRODUCTS = 1 << 14


@dataclass(frozen=True)
class Vector:
    """Consecutive output channels that one vector of the CPU sums.

    Attributes
    ----------
    start, width : int
        The first channel, and how many; other lanes are not stored.
    proven : bool
        Whether each window must be shown to stay within the register.
    """

    start: int
    width: int
    proven: bool


@dataclass(frozen=True)
class Channels:
    """All output channels of a kernel.

    Attributes
    ----------
    vectors : tuple of Vector
        In the order of channels.
    register : Accumulator or None
        Of those that are proven.
    needed : numpy.ndarray
        bool, one for each channel: whether its sums can leave the register at all.
    """

    vectors: tuple[Vector, ...]
    register: Accumulator | None
    needed: Array


def channels_of(chip: Chip, weights: Array, bias: Array, dtype: str, lanes: int) -> Channels | None:
    """The channels in vectors of `lanes`; None where sums need more than 32 bits or their order.

    Parameters
    ----------
    weights : numpy.ndarray
        `(channels, products)`.
    bias : numpy.ndarray
        As the chip keeps it.
    """
    parts = groups(chip, weights, bias, dtype)
    clamped = {part.clamped for part in parts if part.clamped}
    if not all(_sums_in_any_order(part, weights) for part in parts) or len(clamped) > 1:
        return None
    if not clamped:
        return Channels(in_vectors(len(weights), lanes), None, np.zeros(len(weights), bool))
    bounds = largest_sums(weights, bias, dtype)
    vectors, needed = [], np.zeros(len(weights), bool)
    for block, register in accumulators(chip, dtype, len(weights)):
        proven = register in clamped
        needed[block] = proven & (bounds[block] > register.highest)
        for start in range(block.start, block.stop, lanes):
            vectors.append(Vector(start, min(lanes, block.stop - start), proven))
    return Channels(tuple(vectors), next(iter(clamped), None), needed)


def first_alike(vectors: tuple[Vector, ...]) -> int:
    """How many vectors from the first on have its width and its proof."""
    first = vectors[0]
    alike = [(v.width, v.proven) == (first.width, first.proven) for v in vectors]
    return alike.index(False) if False in alike else len(alike)


def in_vectors(count: int, lanes: int) -> tuple[Vector, ...]:
    """So many channels, none of which must be proven."""
    return tuple(
        Vector(start, min(lanes, count - start), False) for start in range(0, count, lanes)
    )


def _sums_in_any_order(part: Group, weights: Array) -> bool:
    if part.dtype != "int32" or part.wraps:
        return False
    register = part.clamped
    if register is None:
        return True
    known = register.bits <= 24 and register.products_per_clamp == 1
    return known and weights.shape[1] <= MOST_PRODUCTS


def spread(values: Array, vectors: tuple[Vector, ...], lanes: int) -> Array:
    """`values` of the channels in the lanes of the vectors; zeros in the others.

    Parameters
    ----------
    values : numpy.ndarray
        `(channels, ...)`.

    Returns
    -------
    numpy.ndarray
        `(len(vectors), lanes, ...)`.
    """
    found = np.zeros((len(vectors), lanes, *values.shape[1:]), values.dtype)
    for number, vector in enumerate(vectors):
        found[number, : vector.width] = values[vector.start : vector.start + vector.width]
    return found
