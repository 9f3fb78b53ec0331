"""Random reductions along any axes."""

import math

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


def drawn(rng, most=8):
    """Type, shape and axes; no axes, some, or all."""
    shape = extents(rng, int(rng.integers(1, 5)), most)
    axes = tuple(axis for axis in range(len(shape)) if rng.random() < 0.5)
    return dtype_of(rng), shape, axes


def record(rng, name, drawn_, exponents, share=1.0):
    dtype, shape, axes = drawn_
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    x, y = Tensor(dtype, shape, exponents[0]), Tensor(dtype, kept, exponents[1])
    return operators()[name](x, y, axes), (integers(rng, dtype, shape, share),), ()


def summed(name, twice=False):
    """Sums: exponents so that most results fit, some far from it."""

    def generate(rng, chip):
        chosen = drawn(rng)
        low = int(rng.integers(-9, 2))
        count = math.prod(chosen[1][axis] for axis in chosen[2])
        bits = round(math.log2(count) / pick(rng, 1, 2)) + int(rng.integers(-3, 3))
        if twice:
            bits += low + (5 if chosen[0] == "int8" else 13)
        return record(rng, name, chosen, (low, low + bits), pick(rng, 1.0, 0.3))

    return generate


def extreme(name):
    def generate(rng, chip):
        return record(rng, name, drawn(rng), (-3, -3))

    return generate


def reduce_l2(rng, chip):
    chosen = drawn(rng, 6)
    low = -int(rng.integers(7, 10)) if chosen[0] == "int8" else -int(rng.integers(14, 18))
    return record(
        rng, "reduce_l2", chosen, (low, low + int(rng.integers(-1, 5))), pick(rng, 1, 0.1)
    )


def reduce_prod(rng, chip):
    """Numbers about 1, so that products neither vanish nor grow beyond every limit."""
    chosen = drawn(rng, 4)
    one = -6 if chosen[0] == "int8" else -14
    return record(rng, "reduce_prod", chosen, (one, one + int(rng.integers(-2, 3))))


def reduce_log_sum_exp(rng, chip):
    chosen = drawn(rng)
    low = -int(rng.integers(1, 8)) if chosen[0] == "int8" else -int(rng.integers(9, 15))
    return record(rng, "reduce_log_sum_exp", chosen, (low, pick(rng, -5, -4, -3, -11)))


def reduce_log_sum(rng, chip):
    chosen = drawn(rng)
    low = -int(rng.integers(0, 8))
    return record(rng, "reduce_log_sum", chosen, (low, pick(rng, -5, -4, -3, -11)))


GENERATORS = {
    "reduce_l1": summed("reduce_l1"),
    "reduce_l2": reduce_l2,
    "reduce_log_sum": reduce_log_sum,
    "reduce_log_sum_exp": reduce_log_sum_exp,
    "reduce_max": extreme("reduce_max"),
    "reduce_mean": summed("reduce_mean"),
    "reduce_min": extreme("reduce_min"),
    "reduce_prod": reduce_prod,
    "reduce_sum": summed("reduce_sum"),
    "reduce_sum_square": summed("reduce_sum_square", twice=True),
}
# Their logarithms and exponentials are each engine's own.
INEXACT = dict.fromkeys(("reduce_log_sum", "reduce_log_sum_exp"), lambda operator: True)
