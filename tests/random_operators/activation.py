"""Random tables and PReLU."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


def lut(rng, chip):
    dtype = dtype_of(rng)
    step = 1 if dtype == "int8" else pick(rng, 1, 2, 16, 256, 4096, 32768)
    shape = extents(rng, int(rng.integers(1, 5)), 8)
    operator = operators()["lut"](
        Tensor(dtype, shape, -4), Tensor(dtype, shape, -5), "anything", step
    )
    table = integers(rng, dtype, operator.constants[0].shape)
    return operator, (integers(rng, dtype, shape),), (table,)


def prelu(rng, chip):
    dtype = dtype_of(rng)
    shape = (1, *extents(rng, 2, 5), pick(rng, 1, 5, 8, 16, 19, 33))
    alpha = integers(rng, dtype, shape[-1:], pick(rng, 1.0, 0.2))
    bits = 7 if dtype == "int8" else 15
    exponent = -bits + pick(rng, 0, 0, 2, -2, bits + 1)
    operator = operators()["prelu"](
        Tensor(dtype, shape, -4),
        Tensor(dtype, shape, -4 + int(rng.integers(-2, 4))),
        Tensor(dtype, alpha.shape, exponent),
        int(np.abs(alpha.astype(np.int32)).max()),
    )
    return operator, (integers(rng, dtype, shape),), (alpha,)


GENERATORS = {"lut": lut, "prelu": prelu}
