"""Random conversions between numbers, and clips."""

import dataclasses

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


def between(rng, name, source, target, *fields):
    """A unary operator on a random shape, both exponents random."""
    shape = extents(rng, int(rng.integers(1, 5)), 8)
    low = int(rng.integers(-9, 3))
    x_exponent = None if source == "float32" else low
    y_exponent = None if target == "float32" else low + int(rng.integers(-9, 10))
    if source == "float32":
        spread = np.iinfo(target).max * 2.0 ** (y_exponent - pick(rng, 1, 6))
        x = rng.normal(0, spread, shape).astype(np.float32)
    else:
        x = integers(rng, source, shape)
    tensors = Tensor(source, shape, x_exponent), Tensor(target, shape, y_exponent)
    return operators()[name](*tensors, *fields), (x,), ()


def clip(rng, chip):
    dtype = dtype_of(rng)
    low, high = (int(n) for n in integers(rng, dtype, 2))
    if rng.random() < 0.8:  # else the limits may cross
        low, high = min(low, high), max(low, high)
    # A side without a limit, as patterns leave it.
    side = rng.random()
    low, high = -(2**31) if side < 0.15 else low, 2**31 - 1 if side > 0.85 else high
    operator, inputs, constants = between(rng, "clip", dtype, dtype, low, high)
    if rng.random() < 0.5:  # Vectors limit integers at one exponent.
        operator = dataclasses.replace(operator, y=operator.x)
    return operator, inputs, constants


def quantize(rng, chip):
    return between(rng, "quantize", "float32", dtype_of(rng))


def dequantize(rng, chip):
    return between(rng, "dequantize", dtype_of(rng), "float32")


def requantize(rng, chip):
    return between(rng, "requantize", dtype_of(rng), dtype_of(rng))


GENERATORS = {f.__name__: f for f in (clip, quantize, dequantize, requantize)}
