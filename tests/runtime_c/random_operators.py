"""Random operators with their arrays, for comparing the C kernels with `reference`.

One function per operator; the generator decides everything, so that a seed repeats a case.
"""

import math

import numpy as np

from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.window import output_extent
from tvm_espdl.selftest.c_engine import Item

BIAS = {"int8": "int32", "int16": "int64"}


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def integers(rng, dtype, shape, share=1.0):
    """Random integers; `share` is the part of the type's range they fill."""
    limits = np.iinfo(dtype)
    low, high = math.ceil(limits.min * share), int(limits.max * share)
    return rng.integers(low, high + 1, shape).astype(dtype)


def wanted_shift(rng, weights, dtype):
    """A right shift that brings most sums into the range of `dtype`."""
    per_channel = weights.reshape(len(weights), -1).astype(np.float64)
    size = np.sqrt((per_channel**2).sum(axis=1).mean()) * np.iinfo(dtype).max / 2 + 1
    bits = math.log2(size) - (6 if dtype == "int8" else 13)
    return max(0, round(bits) + int(rng.integers(-2, 2)))


def filter_exponent(rng, chip, shift, channels):
    if chip.per_channel and rng.random() < 0.5:
        return tuple(int(e) for e in rng.integers(-2, 3, channels) - max(shift, 2))
    return -shift


def bias_of(rng, chip, dtype, channels, weights):
    """None, moderate, or of any size up to what a quantizer leaves."""
    kind = rng.integers(4)
    if kind == 0:
        return None
    bits = chip.quantized_bias_bits(dtype) - 1 if kind == 1 else 14
    bits = min(bits, 62)
    return rng.integers(-(1 << bits), 1 << bits, channels).astype(BIAS[dtype])


def window(rng):
    """Image, kernel, pads, strides, dilations with at least one window."""
    while True:
        kernel = tuple(int(n) for n in rng.integers(1, 5, 2))
        dilations = pick(rng, (1, 1), (1, 1), (2, 1), (1, 2), (3, 2))
        strides = tuple(int(n) for n in rng.integers(1, 4, 2))
        pads = tuple(int(rng.integers(0, n)) for n in (*kernel, *kernel))
        size = tuple(int(n) for n in rng.integers(1, 9, 2))
        extent = output_extent(size, kernel, pads, strides, dilations)
        if min(extent) > 0:
            return size, kernel, pads, strides, dilations, extent


def convolution(rng, chip, name):
    dtype = pick(rng, "int8", "int16")
    size, kernel, pads, strides, dilations, extent = window(rng)
    channels = pick(rng, 1, 3, 8, 13, 16, 17, 24, 32, 37)
    depth = channels if name == "depthwise_conv2d" else pick(rng, 1, 3, 5, 16, 19)
    shape = (channels, 1 if name == "depthwise_conv2d" else depth, *kernel)
    w = integers(rng, dtype, shape, pick(rng, 1.0, 0.3, 0.03))
    x = integers(rng, dtype, (1, *size, depth), pick(rng, 1.0, 0.5))
    b = bias_of(rng, chip, dtype, channels, w)
    shift = wanted_shift(rng, w, dtype)
    operator = operators()[name](
        x=Tensor(dtype, x.shape, 0),
        w=Tensor(dtype, w.shape, filter_exponent(rng, chip, shift, channels)),
        b=None if b is None else Tensor(str(b.dtype), b.shape, 0),
        y=Tensor(dtype, (1, *extent, channels), 0),
        pads=pads,
        strides=strides,
        dilations=dilations,
        activation=pick(rng, "linear", "relu"),
    )
    return Item(operator, chip, (w,) if b is None else (w, b), (x,))


def gemm(rng, chip):
    dtype = pick(rng, "int8", "int16")
    rows, depth, columns = (int(n) for n in rng.integers((1, 1, 1), (5, 70, 50)))
    w = integers(rng, dtype, (depth, columns), pick(rng, 1.0, 0.3, 0.03))
    x = integers(rng, dtype, (rows, depth))
    b = bias_of(rng, chip, dtype, columns, w.T)
    operator = operators()["gemm"](
        x=Tensor(dtype, x.shape, 0),
        w=Tensor(
            dtype, w.shape, filter_exponent(rng, chip, wanted_shift(rng, w.T, dtype), columns)
        ),
        b=None if b is None else Tensor(str(b.dtype), b.shape, 0),
        y=Tensor(dtype, (rows, columns), 0),
        activation=pick(rng, "linear", "relu"),
    )
    return Item(operator, chip, (w,) if b is None else (w, b), (x,))


def overflowing(rng, chip, name, dtype, channels):
    """A convolution whose sums leave their register, with bias and products near its ends."""
    depthwise = name == "depthwise_conv2d"
    kernel, depth = (5, 5), channels if depthwise else 21
    shape = (channels, 1 if depthwise else depth, *kernel)
    limits = np.iinfo(dtype)
    w = pick(rng, limits.min, limits.max, 1) * np.ones(shape, np.int64)
    w = np.where(rng.random(shape) < 0.3, -w, w).clip(limits.min, limits.max).astype(dtype)
    x = np.where(rng.random((1, 7, 7, depth)) < 0.5, limits.min, limits.max).astype(dtype)
    in_lanes = chip.vector_bytes > 0
    bits = min(
        chip.accumulator(dtype, in_lanes=lanes).bits
        for lanes in ((True, False) if in_lanes else (False,))
    )
    bits = min(bits, 62)
    near = (1 << (bits - 1)) - 1 - rng.integers(0, 1 << (bits // 2), channels)
    b = (near * np.where(rng.random(channels) < 0.5, -1, 1)).astype(BIAS[dtype])
    operator = operators()[name](
        x=Tensor(dtype, x.shape, 0),
        w=Tensor(dtype, w.shape, -(bits - 8 if dtype == "int8" else bits - 16)),
        b=Tensor(str(b.dtype), b.shape, 0),
        y=Tensor(dtype, (1, 7, 7, channels), 0),
        pads=(2, 2, 2, 2),
    )
    return Item(operator, chip, (w, b), (x,))


def add(rng, chip):
    dtype = pick(rng, "int8", "int16")
    rank = int(rng.integers(1, 5))
    shape = tuple(int(n) for n in rng.integers(1, 7, rank))
    shapes = []
    for _ in range(2):
        kept = shape[int(rng.integers(0, rank)) :] if rng.random() < 0.3 else shape
        shapes.append(tuple(n if rng.random() < 0.7 else 1 for n in kept))
    y = np.broadcast_shapes(*shapes)
    tensors = [Tensor(dtype, s, -4) for s in (*shapes, y)]
    operator = operators()["add"](*tensors, pick(rng, "linear", "relu"))
    return Item(operator, chip, (), tuple(integers(rng, dtype, s) for s in shapes))


def pool(rng, chip, name):
    dtype = pick(rng, "int8", "int16")
    while True:
        size, kernel, pads, strides, _, _ = window(rng)
        extent = output_extent(size, kernel, pads, strides, (1, 1))
        if min(extent) > 0:
            break
    channels = pick(rng, 1, 3, 16, 17, 40)
    delta = int(rng.integers(-3, 3)) if name == "average_pool2d" else 0
    x = integers(rng, dtype, (1, *size, channels))
    y = Tensor(dtype, (1, *extent, channels), delta - 3)
    operator = operators()[name](Tensor(dtype, x.shape, -3), y, kernel, pads, strides)
    return Item(operator, chip, (), (x,))


def elementwise(rng, chip, name):
    """Relu, clip, quantize, dequantize, requantize; the last ones may change the dtype."""
    dtype = pick(rng, "int8", "int16")
    other = pick(rng, "int8", "int16") if name == "requantize" else dtype
    source, target = {"quantize": ("float32", other), "dequantize": (dtype, "float32")}.get(
        name, (dtype, other)
    )
    shape = (1, *(int(n) for n in rng.integers(1, 9, 3)))
    exponent = int(rng.integers(-9, 3))
    x_exponent = None if source == "float32" else exponent
    y_exponent = None if target == "float32" else exponent + int(rng.integers(-9, 10))
    if source == "float32":
        x = (rng.normal(0, 100, shape) * 2.0 ** (y_exponent or 0)).astype(np.float32)
    else:
        x = integers(rng, source, shape)
    fields = (Tensor(source, shape, x_exponent), Tensor(target, shape, y_exponent))
    limits = sorted(int(n) for n in integers(rng, dtype, 2)) if name == "clip" else []
    return Item(operators()[name](*fields, *limits), chip, (), (x,))


def transpose(rng, chip):
    dtype = pick(rng, "int8", "int16", "float32")
    rank = int(rng.integers(1, 7))
    shape = tuple(int(n) for n in rng.integers(1, 6, rank))
    x = integers(rng, "int16" if dtype == "float32" else dtype, shape).astype(dtype)
    axes = tuple(int(n) for n in rng.permutation(rank))
    tensor = Tensor(dtype, shape, None if dtype == "float32" else 0)
    return Item(operators()["transpose"].of(tensor, axes), chip, (), (x,))


def reshape(rng, chip):
    dtype = pick(rng, "int8", "int16", "float32")
    shape = tuple(int(n) for n in rng.integers(1, 6, 3))
    x = integers(rng, "int8", shape).astype(dtype)
    exponent = None if dtype == "float32" else 0
    y = Tensor(dtype, (x.size,), exponent)
    return Item(operators()["reshape"](Tensor(dtype, shape, exponent), y), chip, (), (x,))


def softmax(rng, chip):
    dtype = pick(rng, "int8", "int16")
    shape = tuple(int(n) for n in rng.integers(1, 9, int(rng.integers(1, 5))))
    exponent = int(rng.integers(-7, 1)) if dtype == "int8" else int(rng.integers(-14, -6))
    x = integers(rng, dtype, shape)
    fields = Tensor(dtype, shape, exponent), Tensor("float32", shape)
    return Item(operators()["softmax"](*fields, int(rng.integers(len(shape)))), chip, (), (x,))


def of(name):
    """The function `(rng, chip) -> Item` for an operator."""
    own = {
        "gemm": gemm,
        "add": add,
        "transpose": transpose,
        "reshape": reshape,
        "softmax": softmax,
    }
    if name in own:
        return own[name]
    if name in ("conv2d", "depthwise_conv2d"):
        return lambda rng, chip: convolution(rng, chip, name)
    if name in ("average_pool2d", "max_pool2d"):
        return lambda rng, chip: pool(rng, chip, name)
    return lambda rng, chip: elementwise(rng, chip, name)
