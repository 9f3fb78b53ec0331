"""The sum of products inside convolutions and matrix products, exactly as each chip forms it.

Source: ESP-DL `dl/base/dl_base_conv2d.cpp`, `dl_base_depthwise_conv2d.cpp` and the vector kernels
in `dl/base/isa`. It knows registers and order; it never knows what kind of operator asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...chips import Accumulator, Chip
from .operator import Operator, Tensor
from .rounding import Array, saturate, shift_and_round, wrap


def largest_sums(weights: Array, bias: Array | None, input_dtype: str) -> Array:
    """Bound of every partial sum of each output channel: `|b| + sum(|w|) * 2**(bits - 1)`.

    Parameters
    ----------
    weights : numpy.ndarray
        `(channels, products)`, integers.
    bias : numpy.ndarray or None
        `(channels,)`.

    Returns
    -------
    numpy.ndarray
        int64, `(channels,)`.
    """
    magnitude = -np.int64(np.iinfo(input_dtype).min)
    sums = np.abs(weights.astype(np.int64)).sum(axis=1) * magnitude
    return sums if bias is None else sums + np.abs(bias.astype(np.int64))


def must_follow_order(
    chip: Chip, weights: Array, bias: Array | None, input_dtype: str, *, lanes_only: bool = False
) -> Array:
    """Which output channels can leave their accumulator's range on some input.

    For the others any order of summation gives the chip's result.

    Parameters
    ----------
    weights : numpy.ndarray
        `(channels, products)`.
    lanes_only : bool
        True when all channels are computed in vector lanes (depthwise).

    Returns
    -------
    numpy.ndarray
        bool, `(channels,)`.
    """
    bound = largest_sums(weights, bias, input_dtype)
    result = np.zeros(len(weights), bool)
    for channels, accumulator in accumulators(chip, input_dtype, len(weights), lanes_only):
        result[channels] = bound[channels] > accumulator.highest
    return result


def overflows(chip: Chip, operator: Operator, constants: Sequence[Array]) -> list[Overflow]:
    """Where the sums of an operator with these constants can leave the chip's registers."""
    terms = operator.summed(*constants)
    if terms is None:
        return []
    dtype = operator.inputs[0].dtype
    bound = largest_sums(terms.weights, terms.bias, dtype)
    parts = accumulators(chip, dtype, len(bound), terms.lanes_only)
    return [
        Overflow(register, int(over.sum()), len(bound), int(bound[channels].max()))
        for channels, register in parts
        if (over := bound[channels] > register.highest).any()
    ]


@dataclass(frozen=True)
class Overflow:
    """Sums that can leave their register on some input.

    Attributes
    ----------
    register : Accumulator
        That which they are kept in.
    over, channels : int
        Output channels that can leave it, and all channels of the operator.
    largest : int
        Bound of its sums.
    """

    register: Accumulator
    over: int
    channels: int
    largest: int


def accumulators(
    chip: Chip, dtype: str, channels: int, lanes_only: bool = False
) -> list[tuple[slice, Accumulator]]:
    """The output channels in vector lanes and the remaining ones, each with its accumulator."""
    lanes = chip.lanes(dtype)
    if not lanes:
        return [(slice(0, channels), chip.accumulator(dtype, in_lanes=False))]
    full = channels if lanes_only else channels // lanes * lanes
    split = [(slice(0, full), True), (slice(full, channels), False)]
    return [(s, chip.accumulator(dtype, in_lanes=v)) for s, v in split if s.start < s.stop]


def kept_bias(chip: Chip, bias: Array, dtype: str, *, lanes_only: bool = False) -> Array:
    """The bias as the kernel reads it: its upper bits are lost where the chip's field is narrow."""
    kept = bias.astype(np.int64)
    lanes = chip.lanes(dtype)
    full = len(bias) if lanes_only else (len(bias) // lanes * lanes if lanes else 0)
    kept[:full] = wrap(kept[:full], chip.bias_bits(dtype, in_lanes=True))
    kept[full:] = wrap(kept[full:], chip.bias_bits(dtype, in_lanes=False))
    return kept


def accumulate(
    chip: Chip,
    patches: Array,
    weights: Array,
    bias: Array | None,
    *,
    run: int,
    lanes_only: bool = False,
) -> Array:
    """Sum the products of every output in the order and the register of the chip.

    Parameters
    ----------
    patches : numpy.ndarray
        `(positions, products)`, or `(positions, channels, products)` when each channel has its
        own (depthwise). Products in the order the kernel takes them: row, column, input channel.
        Taps in the padding are zeros: adding nothing leaves a clamped sum as it is.
    weights : numpy.ndarray
        `(channels, products)`.
    bias : numpy.ndarray or None
        `(channels,)`, at the exponent of the products.
    run : int
        Consecutive products that lie together in memory (input channels of one tap): a clamp
        never spans two runs.
    lanes_only : bool
        True when all channels are computed in vector lanes (depthwise).

    Returns
    -------
    numpy.ndarray
        int64, `(positions, channels)`.
    """
    dtype = str(patches.dtype)
    channels = len(weights)
    start = np.zeros(channels, np.int64)
    if bias is not None:
        start = kept_bias(chip, bias, dtype, lanes_only=lanes_only)
    ordered = must_follow_order(chip, weights, start, dtype, lanes_only=lanes_only)
    # Products of int8 and int16 summed in double precision are exact: 2**30 * 2**22 < 2**53.
    wide = patches.astype(np.float64)
    formula = "pk,ck->pc" if patches.ndim == 2 else "pck,ck->pc"
    sums = np.einsum(formula, wide, weights.astype(np.float64), optimize=True).astype(np.int64)
    sums += start
    for group, register in accumulators(chip, dtype, channels, lanes_only):
        if register.products_per_clamp == 0:
            sums[:, group] = wrap(sums[:, group], register.bits)
            continue
        chosen = np.arange(group.start, group.stop)[ordered[group]]
        if chosen.size:
            inputs = patches if patches.ndim == 2 else patches[:, chosen]
            limited = _clamped_sums(inputs, weights[chosen], start[chosen], register, run)
            sums[:, chosen] = limited
    return sums


def _clamped_sums(
    patches: Array, weights: Array, start: Array, register: Accumulator, run: int
) -> Array:
    """Of several channels, `(positions, channels)`: each clamp is one of all of them."""
    total = np.empty((len(patches), len(weights)), np.int64)
    total[:] = np.clip(start, register.lowest, register.highest)
    wide = np.moveaxis(patches if patches.ndim == 3 else patches[:, None], -1, 0).astype(np.int64)
    by_product = weights.T.astype(np.int64)
    for first in range(0, len(by_product), run):
        for begin in range(first, first + run, register.products_per_clamp):
            for at in range(begin, min(begin + register.products_per_clamp, first + run)):
                total += wide[at] * by_product[at]
            np.clip(total, register.lowest, register.highest, out=total)
    return total


def finish(sums: Array, shift: int | Array, activation: str, output: Tensor, chip: Chip) -> Array:
    """Shift the sums to the output's exponent, apply the activation, saturate.

    Parameters
    ----------
    sums : numpy.ndarray
        int64, output channels last.
    shift : int or numpy.ndarray
        Output exponent minus product exponent, one or `(channels,)`.
    activation : str
        `linear` or `relu`.
    """
    rounded = shift_and_round(sums, shift, chip)
    if activation == "relu":
        rounded = np.maximum(rounded, 0)
    return saturate(rounded, output.dtype)
