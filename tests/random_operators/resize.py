"""Random resizes of images and signals."""

from tvm_espdl.ops import Tensor, operators

from .draws import extents, integers, pick


def tensors_of(rng, least):
    """Input and output; every second one is a signal, some have twice the size."""
    rank = pick(rng, 1, 2)
    size = tuple(n + least - 1 for n in extents(rng, rank, 6))
    wanted = pick(rng, tuple(2 * n for n in size), tuple(n + 1 for n in extents(rng, rank, 11)))
    channels, exponent = pick(rng, 1, 5, 16, 20), int(rng.integers(-8, 2))
    x = Tensor("int8", (1, *size, channels), exponent)
    return x, Tensor("int8", (1, *wanted, channels), exponent + int(rng.integers(-3, 4)))


def resize_nearest(rng, chip):
    x, y = tensors_of(rng, 1)
    return operators()["resize_nearest"](x, y), (integers(rng, "int8", x.shape),), ()


def resize_linear(rng, chip):
    x, y = tensors_of(rng, 2)
    operator = operators()["resize_linear"](x, y, pick(rng, "half_pixel", "align_corners"))
    return operator, (integers(rng, "int8", x.shape),), ()


GENERATORS = {f.__name__: f for f in (resize_nearest, resize_linear)}
