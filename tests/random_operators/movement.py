"""Random operators that move elements: reshape and transpose."""

from tvm_espdl.ops import Tensor, operators

from .draws import extents, integers, pick


def reshape(rng, chip):
    dtype = pick(rng, "int8", "int16", "float32")
    shape = extents(rng, 3, 6)
    x = integers(rng, "int8" if dtype == "int8" else "int16", shape).astype(dtype)
    exponent = None if dtype == "float32" else 0
    tensors = Tensor(dtype, shape, exponent), Tensor(dtype, (x.size,), exponent)
    return operators()["reshape"](*tensors), (x,), ()


def transpose(rng, chip):
    dtype = pick(rng, "int8", "int16", "float32")
    rank = int(rng.integers(1, 7))
    shape = extents(rng, rank, 5)
    x = integers(rng, "int8" if dtype == "int8" else "int16", shape).astype(dtype)
    axes = tuple(int(n) for n in rng.permutation(rank))
    tensor = Tensor(dtype, shape, None if dtype == "float32" else 0)
    return operators()["transpose"].of(tensor, axes), (x,), ()


GENERATORS = {f.__name__: f for f in (reshape, transpose)}
