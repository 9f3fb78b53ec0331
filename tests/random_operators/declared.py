"""Random ordinary operators: by their base, where one has no wish of its own."""

import dataclasses
import math

import numpy as np

from tvm_espdl.ops import Tensor
from tvm_espdl.ops.base.broadcast import WithRelu
from tvm_espdl.ops.base.comparison import Comparison
from tvm_espdl.ops.base.function import FloatFunction
from tvm_espdl.ops.base.pointwise import Pointwise
from tvm_espdl.ops.base.reduction import Extreme, Reduction
from tvm_espdl.ops.base.registry import declared
from tvm_espdl.ops.base.unary import SameExponent

from .draws import dtype_of, extents, integers, pick


def broadcasting(rng):
    """Two shapes of rank 1 to 4 that broadcast to a third, and that one."""
    rank = int(rng.integers(1, 5))
    shape = extents(rng, rank, 6)
    shapes = []
    for _ in range(2):
        kept = shape[int(rng.integers(0, rank)) :] if rng.random() < 0.3 else shape
        shapes.append(tuple(n if rng.random() < 0.7 else 1 for n in kept))
    return (*shapes, np.broadcast_shapes(*shapes))


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


def single(rng, low, high):
    """A float32 number, as an ONNX attribute holds it."""
    return float(np.float32(rng.uniform(low, high)))


def of_one(kind):
    """A function of one value, with exponents that leave something of its result.

    A function of integers need not be defined where one of its rules forbids the exponents.
    """

    def generate(rng, chip):
        operators = (drawn(kind, rng) for _ in range(500))
        allowed = (o for o in operators if not issubclass(kind, Pointwise) or not o.refusals(chip))
        operator = next(allowed, None)
        assert operator, f"the rules of {kind.name} let no exponents pass that are drawn here"
        share = pick(rng, 1.0, 0.1) if issubclass(kind, FloatFunction) else 1.0
        return operator, (integers(rng, operator.x.dtype, operator.x.shape, share),), ()

    return generate


def drawn(kind, rng):
    dtype = dtype_of(rng)
    fine = 0 if dtype == "int8" else -8
    shape = extents(rng, int(rng.integers(1, 5)), 8)
    x_exponent = int(rng.integers(-7, 2)) + fine
    y_exponent = int(rng.integers(-8, 2)) + fine
    if issubclass(kind, SameExponent):
        y_exponent = x_exponent
    tensors = Tensor(dtype, shape, x_exponent), Tensor(dtype, shape, y_exponent)
    ranges = (RANGES.get((kind.name, name), (0.1, 2.0)) for name in kind.form.attributes)
    return kind(*tensors, *(single(rng, *range_) for range_ in ranges))


#: Of attributes, where it is not 0.1 to 2.
RANGES = {
    ("hard_sigmoid", "alpha"): (0.05, 0.5),
    ("hard_sigmoid", "beta"): (0.2, 0.8),
    ("leaky_relu", "alpha"): (-0.2, 1.5),
}


def of_two(kind):
    """An operator of two inputs."""

    def generate(rng, chip):
        dtype = dtype_of(rng)
        shapes = shapes_of(rng)
        share = pick(rng, 1.0, 1.0, 0.02)  # few values, so that many are equal
        arrays = tuple(integers(rng, dtype, shape, share) for shape in shapes[:2])
        exponents = EXPONENTS[kind.name](rng, dtype) if kind.name in EXPONENTS else (-4, -4, -4)
        tensors = [Tensor(dtype, s, e) for s, e in zip(shapes, exponents, strict=True)]
        if issubclass(kind, Comparison):
            tensors[2] = Tensor("bool", shapes[2])
        operator = kind(*tensors)
        if issubclass(kind, WithRelu):
            operator = dataclasses.replace(operator, activation=pick(rng, "linear", "relu"))
        return operator, arrays, ()

    return generate


def mul(rng, dtype):
    typical = 7 if dtype == "int8" else 15
    a, b = (int(e) for e in rng.integers(-9, 3, 2))
    return a, b, a + b + pick(rng, typical, typical - 4, int(rng.integers(-3, 36)))


def div(rng, dtype):
    typical = -4 if dtype == "int8" else -12
    a, b = (int(e) for e in rng.integers(-9, 3, 2))
    return a, b, a - b + typical + int(rng.integers(-3, 4))


def pow_(rng, dtype):
    """Most bases between -2 and 2 and powers between -4 and 4; a third of the powers are whole."""
    finer = 0 if dtype == "int8" else 8
    a, b, y = -6 - finer, pick(rng, -5 - finer, -5 - finer, 0), -5 - finer
    return tuple(e + int(rng.integers(-1, 2)) for e in (a, b, y))


def mod(rng, dtype):
    b = int(rng.integers(-9, 3))
    return b + pick(rng, 0, 3, 12, -3, -12), b, b + int(rng.integers(-2, 3))


EXPONENTS = {"mul": mul, "div": div, "pow": pow_, "mod": mod}


def reduction(kind):
    """Any axes: none, some, or all; sums with exponents so that most results fit."""

    def generate(rng, chip):
        most, exponents = OF_REDUCTION.get(kind.name, (8, summed))
        rank = int(rng.integers(1, 7))
        shape = extents(rng, rank, most if rank < 5 else min(most, 3))
        # At most two runs of neighbouring axes that are reduced, and two of such as are kept.
        turns = np.sort(rng.integers(0, rank + 1, 3))
        reduced = np.searchsorted(turns, np.arange(rank), "right") % 2 == rng.integers(2)
        axes = tuple(int(axis) for axis in np.flatnonzero(reduced))
        kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
        dtype = dtype_of(rng)
        count = math.prod(shape[axis] for axis in axes)
        x, y = (-3, -3) if issubclass(kind, Extreme) else exponents(rng, dtype, count)
        record = kind(Tensor(dtype, shape, x), Tensor(dtype, kept, y), axes)
        return record, (integers(rng, dtype, shape, pick(rng, 1.0, 0.3)),), ()

    return generate


def summed(rng, dtype, count):
    low = int(rng.integers(-9, 2))
    return low, low + round(math.log2(count) / pick(rng, 1, 2)) + int(rng.integers(-3, 3))


def squared(rng, dtype, count):
    low, high = summed(rng, dtype, count)
    return low, high + low + (5 if dtype == "int8" else 13)


def length(rng, dtype, count):
    low = -int(rng.integers(7, 10)) if dtype == "int8" else -int(rng.integers(14, 18))
    return low, low + int(rng.integers(-1, 5))


def product(rng, dtype, count):
    """Numbers about 1, so that products neither vanish nor grow beyond every limit."""
    one = -6 if dtype == "int8" else -14
    return one, one + int(rng.integers(-2, 3))


def log_sum(rng, dtype, count):
    return -int(rng.integers(0, 8)), pick(rng, -5, -4, -3, -11)


def log_sum_exp(rng, dtype, count):
    low = -int(rng.integers(1, 8)) if dtype == "int8" else -int(rng.integers(9, 15))
    return low, pick(rng, -5, -4, -3, -11)


#: Largest extent, and exponents, of reductions that are no plain sums.
OF_REDUCTION = {
    "reduce_l2": (6, length),
    "reduce_log_sum": (8, log_sum),
    "reduce_log_sum_exp": (8, log_sum_exp),
    "reduce_prod": (4, product),
    "reduce_sum_square": (8, squared),
}


def generator(kind):
    if issubclass(kind, (Pointwise, FloatFunction)):
        return of_one(kind)
    return reduction(kind) if issubclass(kind, Reduction) else of_two(kind)


GENERATORS = {kind.name: generator(kind) for kind in declared() if kind.name}
# Their powers, logarithms and exponentials are each engine's own.
INEXACT = dict.fromkeys(("pow", "reduce_log_sum", "reduce_log_sum_exp"), lambda operator: True)
