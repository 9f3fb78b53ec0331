"""Random activation functions: formulas in float, tables, PReLU."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


def function(name, draw_fields=lambda rng: ()):
    """Generator of a float function, with exponents that leave something of its result."""

    def generate(rng, chip):
        dtype = dtype_of(rng)
        fine = 0 if dtype == "int8" else -8
        shape = extents(rng, int(rng.integers(1, 5)), 8)
        x_exponent = int(rng.integers(-7, 2)) + fine
        y_exponent = int(rng.integers(-8, 2)) + fine
        tensors = Tensor(dtype, shape, x_exponent), Tensor(dtype, shape, y_exponent)
        x = integers(rng, dtype, shape, pick(rng, 1.0, 0.1))
        return operators()[name](*tensors, *draw_fields(rng)), (x,), ()

    return generate


def single(rng, low, high):
    """A float32 number, as an ONNX attribute holds it."""
    return float(np.float32(rng.uniform(low, high)))


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


GENERATORS = {
    "elu": function("elu", lambda rng: (single(rng, 0.1, 2.0),)),
    "exp": function("exp"),
    "hard_sigmoid": function(
        "hard_sigmoid", lambda rng: (single(rng, 0.05, 0.5), single(rng, 0.2, 0.8))
    ),
    "hard_swish": function("hard_swish"),
    "leaky_relu": function("leaky_relu", lambda rng: (single(rng, -0.2, 1.5),)),
    "log": function("log"),
    "lut": lut,
    "prelu": prelu,
    "sigmoid": function("sigmoid"),
    "sqrt": function("sqrt"),
    "swish": function("swish"),
    "tanh": function("tanh"),
}
