"""Random pools over images."""

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, integers, pick, window


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


GENERATORS = {f.__name__: f for f in (average_pool2d, max_pool2d)}
