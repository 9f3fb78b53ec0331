"""Random softmaxes and normalizations."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


def softmax(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(1, 5)), 9)
    exponent = int(rng.integers(-7, 1)) if dtype == "int8" else int(rng.integers(-14, -6))
    tensors = Tensor(dtype, shape, exponent), Tensor("float32", shape)
    operator = operators()["softmax"](*tensors, int(rng.integers(len(shape))))
    return operator, (integers(rng, dtype, shape),), ()


def log_softmax(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(1, 5)), 9)
    exponent = int(rng.integers(-7, 1)) if dtype == "int8" else int(rng.integers(-14, -6))
    tensors = Tensor(dtype, shape, exponent), Tensor("float32", shape)
    operator = operators()["log_softmax"](*tensors, int(rng.integers(len(shape))))
    return operator, (integers(rng, dtype, shape),), ()


def layer_norm(rng, chip):
    dtype = dtype_of(rng)
    rank = int(rng.integers(1, 5))
    shape = extents(rng, rank, 9)
    axis = int(rng.integers(rank))
    full = -6 if dtype == "int8" else -14
    parameters = [Tensor(dtype, shape[axis:], full + int(rng.integers(-1, 2))) for _ in range(2)]
    scale, bias = pick(rng, (None, None), (parameters[0], None), tuple(parameters))
    operator = operators()["layer_norm"](
        Tensor(dtype, shape, int(rng.integers(-8, 1)) + (0 if dtype == "int8" else -8)),
        scale,
        bias,
        Tensor(dtype, shape, full + 1 + int(rng.integers(-1, 3))),
        axis,
        pick(rng, 1e-5, 1e-3, 1e-2),
    )
    constants = tuple(integers(rng, dtype, t.shape) for t in (scale, bias) if t is not None)
    return operator, (integers(rng, dtype, shape, pick(rng, 1.0, 0.2)),), constants


def rms_norm(rng, chip):
    dtype = dtype_of(rng)
    rank = int(rng.integers(1, 5))
    shape = extents(rng, rank, 9)
    axis = int(rng.integers(rank))
    full = -6 if dtype == "int8" else -14
    scale = rng.normal(0, 1, shape[axis:]).astype(np.float32)
    if rng.random() < 0.3:
        scale[...] = 1  # where ties are
    operator = operators()["rms_norm"](
        Tensor(dtype, shape, int(rng.integers(-9, 1)) + (0 if dtype == "int8" else -8)),
        Tensor(dtype, shape, full + 1 + int(rng.integers(-1, 3))),
        Tensor("float32", scale.shape),
        axis,
        pick(rng, 1e-5, 1e-6, 1e-2),
    )
    return operator, (integers(rng, dtype, shape, pick(rng, 1.0, 0.2, 0.0)),), (scale,)


def lp_norm(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(1, 5)), 9)
    full = -7 if dtype == "int8" else -15
    operator = operators()["lp_norm"](
        Tensor(dtype, shape, int(rng.integers(-9, 1))),
        Tensor(dtype, shape, full + int(rng.integers(-1, 3))),
        int(rng.integers(len(shape))),
        pick(rng, 1, 2),
    )
    x = integers(rng, dtype, shape, pick(rng, 1.0, 0.2, 0.01))
    return operator, (np.where(rng.random(shape) < 0.3, 0, x).astype(dtype),), ()


_ALL = (softmax, log_softmax, layer_norm, rms_norm, lp_norm)
GENERATORS = {f.__name__: f for f in _ALL}
# The table of int8 is part of the record; the exponentials of int16, and the logarithm, are each
# engine's own.
INEXACT = {
    "log_softmax": lambda operator: True,
    "softmax": lambda operator: operator.x.dtype == "int16",
}
