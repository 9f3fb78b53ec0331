"""Random comparisons, powers and remainders."""

from tvm_espdl.ops import Tensor, operators

from .arithmetic import binary, shapes_of
from .draws import dtype_of, integers, pick


def comparing(name):
    def generate(rng, chip):
        dtype = dtype_of(rng)
        shapes = shapes_of(rng)
        share = pick(rng, 1.0, 0.02)  # few values, so that many are equal
        arrays = tuple(integers(rng, dtype, shape, share) for shape in shapes[:2])
        tensors = [Tensor(dtype, array.shape, -4) for array in arrays]
        return operators()[name](*tensors, Tensor("bool", shapes[2])), arrays, ()

    return generate


def pow_(rng, chip):
    """Most bases between -2 and 2 and powers between -4 and 4; a third of the powers are whole."""

    def exponents(dtype):
        finer = 0 if dtype == "int8" else 8
        a, b, y = -6 - finer, pick(rng, -5 - finer, -5 - finer, 0), -5 - finer
        return tuple(e + int(rng.integers(-1, 2)) for e in (a, b, y))

    return binary(rng, "pow", exponents)


def mod(rng, chip):
    def exponents(dtype):
        b = int(rng.integers(-9, 3))
        return b + pick(rng, 0, 3, 12, -3, -12), b, b + int(rng.integers(-2, 3))

    return binary(rng, "mod", exponents)


COMPARISONS = ("equal", "greater", "greater_equal", "less", "less_equal")
GENERATORS = {**{name: comparing(name) for name in COMPARISONS}, "pow": pow_, "mod": mod}
# The power is each engine's own.
INEXACT = {"pow": lambda operator: True}
