"""Random divisions by norms: rms_norm and lp_norm."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


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


GENERATORS = {f.__name__: f for f in (rms_norm, lp_norm)}
