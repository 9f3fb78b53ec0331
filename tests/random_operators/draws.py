"""What generators draw from: choices, integers, windows, biases. No operators here."""

import math

import numpy as np

from tvm_espdl.ops.base.window import output_extent

BIAS = {"int8": "int32", "int16": "int64"}


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def dtype_of(rng):
    return pick(rng, "int8", "int16")


def integers(rng, dtype, shape, share=1.0):
    """Random integers; `share` is the part of the type's range they fill."""
    limits = np.iinfo(dtype)
    low, high = math.ceil(limits.min * share), int(limits.max * share)
    return rng.integers(low, high + 1, shape).astype(dtype)


def extents(rng, rank, most):
    """A shape."""
    return tuple(int(n) for n in rng.integers(1, most + 1, rank))


def window(rng, *, dilated=True):
    """Image, kernel, pads, strides, dilations, result: at least one window fits."""
    while True:
        kernel = extents(rng, 2, 4)
        dilations = pick(rng, (1, 1), (1, 1), (2, 1), (1, 3), (3, 2)) if dilated else (1, 1)
        strides = extents(rng, 2, 3)
        pads = tuple(int(rng.integers(0, n)) for n in (*kernel, *kernel))
        size = extents(rng, 2, 9)
        extent = output_extent(size, kernel, pads, strides, dilations)
        if min(extent) > 0:
            return size, kernel, pads, strides, dilations, extent


def wanted_shift(rng, weights, dtype):
    """A right shift that brings most sums of `(channels, ...)` weights into the range of `dtype`.

    One in six is far from that: left shifts, and shifts that leave nothing.
    """
    if rng.random() < 1 / 6:
        return int(rng.integers(-9, 35))
    per_channel = weights.reshape(len(weights), -1).astype(np.float64)
    size = np.sqrt((per_channel**2).sum(axis=1).mean()) * np.iinfo(dtype).max / 2 + 1
    bits = math.log2(size) - (6 if dtype == "int8" else 13)
    return max(0, round(bits) + int(rng.integers(-2, 2)))


def filter_exponent(rng, chip, shift, channels):
    """The exponent of a filter, or one per channel where the chip has them."""
    if chip.per_channel and rng.random() < 0.5:
        return tuple(int(e) for e in rng.integers(-2, 3, channels) - max(shift, 2))
    return -shift


def bias_of(rng, chip, dtype, channels):
    """None, small, of any size up to what a quantizer leaves, or so large that the S3's wraps."""
    widest = 31 if dtype == "int8" else 44
    bits = pick(rng, None, 10, 14, min(chip.quantized_bias_bits(dtype) - 1, 60), widest)
    if bits is None:
        return None
    return rng.integers(-(1 << bits), 1 << bits, channels).astype(BIAS[dtype])
