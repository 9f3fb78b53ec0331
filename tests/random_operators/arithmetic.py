"""Random differences, products, quotients, extremes and changes of sign."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick
from .elementwise import broadcasting


def shapes_of(rng):
    """Shapes to broadcast; a third of them with an innermost run that fills vectors, or nearly."""
    if rng.random() < 2 / 3:
        return broadcasting(rng)
    run = pick(rng, 7, 8, 15, 16, 17, 40)
    outer = extents(rng, 2, 3)
    a, b = pick(
        rng,
        ((*outer, run), (*outer, run)),
        ((*outer, run), (run,)),
        ((1, *outer[1:], run), (*outer, run)),
        ((*outer, 1), (*outer, run)),
        ((*outer, run), (1, 1, 1)),
        ((), (*outer, run)),
    )
    return a, b, np.broadcast_shapes(a, b)


def binary(rng, name, exponents, *fields):
    dtype = dtype_of(rng)
    shapes = shapes_of(rng)
    share = pick(rng, 1.0, 1.0, 0.02)
    arrays = tuple(integers(rng, dtype, shape, share) for shape in shapes[:2])
    tensors = [Tensor(dtype, s, e) for s, e in zip(shapes, exponents(dtype), strict=True)]
    return operators()[name](*tensors, *fields), arrays, ()


def sub(rng, chip):
    return binary(rng, "sub", lambda _: (-4, -4, -4), pick(rng, "linear", "relu"))


def maximum(rng, chip):
    return binary(rng, "maximum", lambda _: (-4, -4, -4))


def minimum(rng, chip):
    return binary(rng, "minimum", lambda _: (-4, -4, -4))


def mul(rng, chip):
    def exponents(dtype):
        typical = 7 if dtype == "int8" else 15
        a, b = (int(e) for e in rng.integers(-9, 3, 2))
        return a, b, a + b + pick(rng, typical, typical - 4, int(rng.integers(-3, 36)))

    return binary(rng, "mul", exponents)


def div(rng, chip):
    def exponents(dtype):
        typical = -4 if dtype == "int8" else -12
        a, b = (int(e) for e in rng.integers(-9, 3, 2))
        return a, b, a - b + typical + int(rng.integers(-3, 4))

    return binary(rng, "div", exponents)


def neg(rng, chip):
    dtype = dtype_of(rng)
    tensor = Tensor(dtype, extents(rng, int(rng.integers(1, 5)), 8), -3)
    return operators()["neg"](tensor, tensor), (integers(rng, dtype, tensor.shape),), ()


GENERATORS = {f.__name__: f for f in (sub, mul, div, maximum, minimum, neg)}
