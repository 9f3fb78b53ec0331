"""Random pools over images, and resizes of images and signals."""

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick, window


def pool(rng, name, change):
    dtype = dtype_of(rng)
    size, kernel, pads, strides, _, extent = window(rng, dilated=False)
    x = integers(rng, dtype, (1, *size, pick(rng, 1, 3, 16, 17, 35, 40)))
    exponent = int(rng.integers(-8, 1))
    y = Tensor(dtype, (1, *extent, x.shape[3]), exponent + change)
    source = Tensor(dtype, x.shape, exponent)
    return operators()[name](source, y, kernel, pads, strides), (x,), ()


def average_pool2d(rng, chip):
    return pool(rng, "average_pool2d", int(rng.integers(-4, 4)))


def max_pool2d(rng, chip):
    return pool(rng, "max_pool2d", 0)


def resized(rng, least):
    """Input and output; every second one is a signal, some have twice the size."""
    rank = pick(rng, 1, 2)
    size = tuple(n + least - 1 for n in extents(rng, rank, 6))
    wanted = pick(rng, tuple(2 * n for n in size), tuple(n + 1 for n in extents(rng, rank, 11)))
    channels, exponent = pick(rng, 1, 5, 16, 20), int(rng.integers(-8, 2))
    x = Tensor("int8", (1, *size, channels), exponent)
    return x, Tensor("int8", (1, *wanted, channels), exponent + int(rng.integers(-3, 4)))


def resize_nearest(rng, chip):
    x, y = resized(rng, 1)
    return operators()["resize_nearest"](x, y), (integers(rng, "int8", x.shape),), ()


def resize_linear(rng, chip):
    x, y = resized(rng, 2)
    operator = operators()["resize_linear"](x, y, pick(rng, "half_pixel", "align_corners"))
    return operator, (integers(rng, "int8", x.shape),), ()


GENERATORS = {f.__name__: f for f in (average_pool2d, max_pool2d, resize_nearest, resize_linear)}
