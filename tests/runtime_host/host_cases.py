"""Random operators for the host kernels, and the comparison with their references.

One function per operator; the generator decides everything, so that a seed repeats a case.
"""

import numpy as np

from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.window import output_extent
from tvm_espdl.runtime.host import run_operators

CHIPS = ("esp32", "esp32s3", "esp32p4")
BIAS = {"int8": "int32", "int16": "int64"}


def differences(cases, tolerance=0.0):
    """One line for each case (operator, chip, arrays) whose host result is not its reference."""
    found = []
    for (operator, chip, arrays), result in zip(cases, run_operators(cases), strict=True):
        expected = operator.reference(chip, *arrays)
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        if tolerance:
            same = np.isclose(result, expected, rtol=tolerance, atol=0, equal_nan=True)
        else:
            same = (result == expected) | (np.isnan(result) & np.isnan(expected))
        if not same.all():
            found.append(f"{chip.name}: {(~same).sum()} of {same.size}: {operator.to_json()}")
    return found


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def integers(rng, dtype, shape, divisor=1):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min // divisor, limits.max // divisor + 1, shape).astype(dtype)


def exponents(rng, chip, channels, lowest, highest):
    """A filter exponent, or one per channel where the chip has them."""
    if chip.per_channel and rng.random() < 0.5:
        return tuple(int(e) for e in rng.integers(lowest, highest, channels))
    return int(rng.integers(lowest, highest))


def bias_of(rng, dtype, channels):
    """None, small, or as large as its type: on the S3 it then wraps."""
    bits = pick(rng, None, 10, 19, 31 if dtype == "int8" else 44)
    return None if bits is None else rng.integers(-(2**bits), 2**bits, channels).astype(BIAS[dtype])


def with_products(rng, chip, name, arrays, y_shape, **fields):
    x, w = arrays
    dtype, channels = str(x.dtype), y_shape[-1]
    b = bias_of(rng, dtype, channels)
    typical = 11 if dtype == "int8" else 22
    lowest = -typical - 6 if chip.vector_bytes else -typical - 14
    exponent = exponents(rng, chip, channels, -typical, -typical + 12)
    operator = operators()[name](
        x=Tensor(dtype, x.shape, -3),
        w=Tensor(dtype, w.shape, exponent),
        b=None if b is None else Tensor(BIAS[dtype], b.shape, 0),
        y=Tensor(dtype, y_shape, int(rng.integers(max(lowest, -8), 3))),
        activation=pick(rng, "linear", "relu"),
        **fields,
    )
    return operator, chip, [x, w] if b is None else [x, w, b]


def window(rng, dilated):
    while True:
        kernel = tuple(int(n) for n in rng.integers(1, 5, 2))
        dilations = pick(rng, (1, 1), (2, 1), (1, 3)) if dilated else (1, 1)
        strides = tuple(int(n) for n in rng.integers(1, 4, 2))
        pads = tuple(int(rng.integers(0, n)) for n in (*kernel, *kernel))
        size = tuple(int(n) for n in rng.integers(1, 10, 2))
        extent = output_extent(size, kernel, pads, strides, dilations)
        if min(extent) > 0:
            return size, extent, kernel, {"pads": pads, "strides": strides, "dilations": dilations}


def convolution(rng, chip, name):
    dtype = pick(rng, "int8", "int16")
    size, extent, kernel, fields = window(rng, dilated=True)
    channels = pick(rng, 1, 3, 8, 16, 19, 24, 35)
    depth = channels if name == "depthwise_conv2d" else pick(rng, 1, 3, 8, 18)
    filter_depth = 1 if name == "depthwise_conv2d" else depth
    x = integers(rng, dtype, (1, *size, depth))
    w = integers(rng, dtype, (channels, filter_depth, *kernel), pick(rng, 1, 6, 50))
    return with_products(rng, chip, name, (x, w), (1, *extent, channels), **fields)


def conv2d(rng, chip):
    return convolution(rng, chip, "conv2d")


def depthwise_conv2d(rng, chip):
    return convolution(rng, chip, "depthwise_conv2d")


def gemm(rng, chip):
    dtype = pick(rng, "int8", "int16")
    depth, columns = int(rng.integers(1, 90)), int(rng.integers(1, 40))
    leading = pick(rng, (1,), (5,), (2, 3))
    x = integers(rng, dtype, (*leading, depth))
    w = integers(rng, dtype, (depth, columns), pick(rng, 1, 6, 50))
    return with_products(rng, chip, "gemm", (x, w), (*leading, columns))


def add(rng, chip):
    dtype = pick(rng, "int8", "int16")
    shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 5)))
    kept = shape[rng.integers(0, len(shape)) :]
    other = tuple(int(n) if rng.random() < 0.6 else 1 for n in kept)
    shapes = [shape, other] if rng.random() < 0.5 else [other, shape]
    a, b, y = (Tensor(dtype, s, -4) for s in (*shapes, shape))
    operator = operators()["add"](a, b, y, pick(rng, "linear", "relu"))
    return operator, chip, [integers(rng, dtype, s) for s in shapes]


def pool(rng, chip, name, change):
    dtype = pick(rng, "int8", "int16")
    size, extent, kernel, fields = window(rng, dilated=False)
    x = integers(rng, dtype, (1, *size, pick(rng, 1, 5, 16, 35)))
    source = Tensor(dtype, x.shape, -4)
    target = Tensor(dtype, (1, *extent, x.shape[3]), -4 + change)
    operator = operators()[name](source, target, kernel, fields["pads"], fields["strides"])
    return operator, chip, [x]


def average_pool2d(rng, chip):
    return pool(rng, chip, "average_pool2d", int(rng.integers(-3, 3)))


def max_pool2d(rng, chip):
    return pool(rng, chip, "max_pool2d", 0)


def between(rng, chip, name, source, target, *fields):
    """A unary operator on a random shape, both exponents random."""
    shape = tuple(int(n) for n in rng.integers(1, 9, 3))
    low = int(rng.integers(-6, 3))
    x_exponent = None if source == "float32" else low
    y_exponent = None if target == "float32" else low + int(rng.integers(-9, 10))
    if source == "float32":
        x = rng.normal(0, np.iinfo(target).max * 2.0 ** (y_exponent - 1), shape).astype(np.float32)
    else:
        x = integers(rng, source, shape)
    tensors = Tensor(source, shape, x_exponent), Tensor(target, shape, y_exponent)
    return operators()[name](*tensors, *fields), chip, [x]


def relu(rng, chip):
    dtype = pick(rng, "int8", "int16")
    return between(rng, chip, "relu", dtype, dtype)


def clip(rng, chip):
    dtype = pick(rng, "int8", "int16")
    low, high = (int(n) for n in integers(rng, dtype, 2))
    return between(rng, chip, "clip", dtype, dtype, low, high)


def quantize(rng, chip):
    return between(rng, chip, "quantize", "float32", pick(rng, "int8", "int16"))


def dequantize(rng, chip):
    return between(rng, chip, "dequantize", pick(rng, "int8", "int16"), "float32")


def requantize(rng, chip):
    return between(rng, chip, "requantize", pick(rng, "int8", "int16"), pick(rng, "int8", "int16"))


def reshape(rng, chip):
    x = integers(rng, pick(rng, "int8", "int16"), tuple(int(n) for n in rng.integers(1, 7, 3)))
    source, target = Tensor(str(x.dtype), x.shape, 0), Tensor(str(x.dtype), (x.size,), 0)
    return operators()["reshape"](source, target), chip, [x]


def transpose(rng, chip):
    dtype = pick(rng, "int8", "int16", "float32")
    x = integers(rng, "int8", rng.integers(1, 6, rng.integers(1, 7))).astype(dtype)
    tensor = Tensor(dtype, x.shape, None if dtype == "float32" else 0)
    axes = tuple(int(n) for n in rng.permutation(x.ndim))
    return operators()["transpose"].of(tensor, axes), chip, [x]


def softmax(rng, chip):
    dtype = pick(rng, "int8", "int16")
    shape = tuple(int(n) for n in rng.integers(1, 12, rng.integers(1, 4)))
    exponent = int(rng.integers(-7, 1)) if dtype == "int8" else int(rng.integers(-14, -9))
    x = Tensor(dtype, shape, exponent)
    axis = int(rng.integers(len(shape)))
    operator = operators()["softmax"](x, Tensor("float32", shape), axis)
    return operator, chip, [integers(rng, dtype, shape)]


GENERATORS = {
    f.__name__: f
    for f in (
        *(conv2d, depthwise_conv2d, gemm, add, average_pool2d, max_pool2d, relu, clip, quantize),
        *(dequantize, requantize, reshape, transpose, softmax),
    )
}
