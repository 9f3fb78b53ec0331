"""Random operators that move or choose elements: from reshape to pixel shuffles."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


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


def concat(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(1, 6)), 5)
    axis = int(rng.integers(len(shape)))
    along = extents(rng, int(rng.integers(2, 6)), 20)
    shapes = [(*shape[:axis], extent, *shape[axis + 1 :]) for extent in along]
    whole = (*shape[:axis], sum(along), *shape[axis + 1 :])
    parts = tuple(Tensor(dtype, s, -3) for s in shapes)
    operator = operators()["concat"](parts, Tensor(dtype, whole, -3), axis)
    return operator, tuple(integers(rng, dtype, s) for s in shapes), ()


def slice_(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(1, 6)), 9)
    ends = [tuple(int(n) for n in rng.integers(0, extent, 2)) for extent in shape]
    steps = tuple(int(rng.integers(1, 4)) * (1 if first <= last else -1) for first, last in ends)
    counts = tuple(
        abs(last - first) // abs(step) + 1 for (first, last), step in zip(ends, steps, strict=True)
    )
    tensors = Tensor(dtype, shape, 0), Tensor(dtype, counts, 0)
    starts = tuple(first for first, _ in ends)
    return operators()["slice"](*tensors, starts, steps), (integers(rng, dtype, shape),), ()


def gather(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(1, 5)), 7)
    axis = int(rng.integers(len(shape)))
    wanted = extents(rng, int(rng.integers(0, 3)), 5)
    indices = rng.integers(0, shape[axis], wanted).astype(np.int64)
    y = (*shape[:axis], *wanted, *shape[axis + 1 :])
    tensors = Tensor(dtype, shape, 0), Tensor(dtype, y, 0), Tensor("int64", wanted)
    x = integers(rng, dtype, shape)
    return operators()["gather"](*tensors, axis), (x,), (np.asarray(indices),)


def shuffled(rng, name):
    dtype, block = dtype_of(rng), int(rng.integers(1, 4))
    batch, rows, columns, depth = (int(rng.integers(1, 3)), *extents(rng, 3, 4))
    deep = Tensor(dtype, (batch, rows, columns, depth * block * block), 0)
    wide = Tensor(dtype, (batch, rows * block, columns * block, depth), 0)
    tensors = (deep, wide) if name == "depth_to_space" else (wide, deep)
    operator = operators()[name](*tensors, block, pick(rng, "DCR", "CRD"))
    return operator, (integers(rng, dtype, tensors[0].shape),), ()


def depth_to_space(rng, chip):
    return shuffled(rng, "depth_to_space")


def space_to_depth(rng, chip):
    return shuffled(rng, "space_to_depth")


_ALL = (reshape, transpose, concat, slice_, gather, depth_to_space, space_to_depth)
GENERATORS = {f.__name__.rstrip("_"): f for f in _ALL}
