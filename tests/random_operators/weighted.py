"""Random products with constant weights: convolutions and gemm."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import (
    BIAS,
    bias_of,
    dtype_of,
    filter_exponent,
    integers,
    pick,
    wanted_shift,
    window,
)


def with_products(rng, chip, name, arrays, y_shape, **fields):
    """The record of a sum of products; the other fields drawn."""
    (x, w), channels = arrays, y_shape[-1]
    dtype = str(x.dtype)
    b = bias_of(rng, chip, dtype, channels)
    shift = wanted_shift(rng, w.T if name == "gemm" else w, dtype)
    x_exponent = int(rng.integers(-9, 3))
    exponent = filter_exponent(rng, chip, shift, channels)
    of_bias = (
        tuple(x_exponent + e for e in exponent)
        if isinstance(exponent, tuple)
        else x_exponent + exponent
    )
    operator = operators()[name](
        x=Tensor(dtype, x.shape, x_exponent),
        w=Tensor(dtype, w.shape, exponent),
        b=None if b is None else Tensor(BIAS[dtype], b.shape, of_bias),
        y=Tensor(dtype, y_shape, x_exponent),
        activation=pick(rng, "linear", "relu"),
        **fields,
    )
    return operator, (x,), (w,) if b is None else (w, b)


def convolution(rng, chip, name):
    dtype = dtype_of(rng)
    size, kernel, pads, strides, dilations, extent = window(rng)
    channels = pick(rng, 1, 3, 8, 13, 16, 17, 24, 32, 37)
    depth = channels if name == "depthwise_conv2d" else pick(rng, 1, 3, 5, 8, 16, 19)
    filter_depth = 1 if name == "depthwise_conv2d" else depth
    x = integers(rng, dtype, (1, *size, depth), pick(rng, 1.0, 0.5))
    w = integers(rng, dtype, (channels, filter_depth, *kernel), pick(rng, 1.0, 0.3, 0.03))
    window_fields = {"pads": pads, "strides": strides, "dilations": dilations}
    return with_products(rng, chip, name, (x, w), (1, *extent, channels), **window_fields)


def conv2d(rng, chip):
    return convolution(rng, chip, "conv2d")


def depthwise_conv2d(rng, chip):
    return convolution(rng, chip, "depthwise_conv2d")


def convolution1d(rng, chip, name):
    """A 2-D case of one row, without that row."""
    dtype = dtype_of(rng)
    (_, size), (_, kernel), pads, (_, stride), (_, dilation), (_, extent) = window(rng)
    channels = pick(rng, 1, 3, 8, 13, 16, 17, 24, 37)
    depth = channels if name == "depthwise_conv1d" else pick(rng, 1, 3, 5, 8, 16, 19)
    filter_depth = 1 if name == "depthwise_conv1d" else depth
    x = integers(rng, dtype, (1, size, depth), pick(rng, 1.0, 0.5))
    w = integers(rng, dtype, (channels, filter_depth, kernel), pick(rng, 1.0, 0.3, 0.03))
    window_fields = {
        "pads": (0, pads[1], 0, pads[3]),
        "strides": (1, stride),
        "dilations": (1, dilation),
    }
    return with_products(rng, chip, name, (x, w), (1, extent, channels), **window_fields)


def conv1d(rng, chip):
    return convolution1d(rng, chip, "conv1d")


def depthwise_conv1d(rng, chip):
    return convolution1d(rng, chip, "depthwise_conv1d")


def gemm(rng, chip):
    dtype = dtype_of(rng)
    depth, columns = int(rng.integers(1, 90)), int(rng.integers(1, 50))
    leading = pick(rng, (1,), (int(rng.integers(1, 7)),), (2, 3))
    x = integers(rng, dtype, (*leading, depth))
    w = integers(rng, dtype, (depth, columns), pick(rng, 1.0, 0.3, 0.03))
    return with_products(rng, chip, "gemm", (x, w), (*leading, columns))


def overflowing(rng, chip, name, dtype, channels):
    """A convolution whose sums leave their register, with bias and products near its ends.

    Every third channel from the middle on is safe, so that both kinds of loop are needed.
    """
    depthwise = name == "depthwise_conv2d"
    depth = channels if depthwise else 21
    shape = (channels, 1 if depthwise else depth, 5, 5)
    limits = np.iinfo(dtype)
    x = np.where(rng.random((1, 7, 7, depth)) < 0.5, limits.min, limits.max).astype(dtype)
    w = pick(rng, limits.min, limits.max, 1) * np.ones(shape, np.int64)
    w = np.where(rng.random(shape) < pick(rng, 0.3, 0.4), -w, w)
    w = w.clip(limits.min, limits.max).astype(dtype)
    w[channels // 2 :: 3] //= pick(rng, 1, 100)
    lanes = chip.lanes(dtype)
    full = channels if depthwise and lanes else channels // max(1, lanes) * lanes
    bits = np.array(
        [min(chip.accumulator(dtype, in_lanes=n < full).bits, 62) for n in range(channels)]
    )
    bits = np.minimum(bits, 32 if dtype == "int8" else 62)
    edge = (1 << (bits - 1)) - 1 - rng.integers(0, 1 << (bits // 2))
    b = np.where(rng.random(channels) < 0.5, -edge, edge).astype(BIAS[dtype])
    narrowest = int(bits.min())
    operator = operators()[name](
        x=Tensor(dtype, x.shape, 0),
        w=Tensor(dtype, w.shape, -(narrowest - (8 if dtype == "int8" else 16))),
        b=Tensor(BIAS[dtype], b.shape, 0),
        y=Tensor(dtype, (1, 7, 7, channels), 0),
        pads=(2, 2, 2, 2),
    )
    return operator, (x,), (w, b)


_ALL = (conv2d, depthwise_conv2d, conv1d, depthwise_conv1d, gemm)
GENERATORS = {f.__name__: f for f in _ALL}
