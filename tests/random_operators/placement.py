"""Random paddings, zeros between pixels, scatters and reversed sequences."""

import numpy as np

from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.scatter_nd import REDUCTIONS

from .draws import dtype_of, extents, integers, pick


def pad(rng, chip):
    dtype = dtype_of(rng)
    rank = int(rng.integers(1, 7))
    shape = extents(rng, rank, 6 if rank < 5 else 2)
    mode = pick(rng, "constant", "edge", "reflect")
    most = [n - 1 if mode == "reflect" else 3 for n in shape]
    before, after = (tuple(int(rng.integers(0, n + 1)) for n in most) for _ in range(2))
    padded = tuple(np.add(np.add(shape, before), after).tolist())
    tensors = Tensor(dtype, shape, 0), Tensor(dtype, padded, 0)
    value = int(integers(rng, dtype, ())) if mode == "constant" else 0
    operator = operators()["pad"](*tensors, before, after, mode, value)
    return operator, (integers(rng, dtype, shape),), ()


def insert_zeros(rng, chip):
    dtype = dtype_of(rng)
    rank = pick(rng, 1, 2, 2)
    shape = (1, *extents(rng, rank, 6), pick(rng, 1, 3, 16, 19))
    strides = (1, *extents(rng, rank, 3))[-2:]
    tail = tuple(int(rng.integers(0, n)) for n in strides)
    x = integers(rng, dtype, shape)
    operator = operators()["insert_zeros"].of(Tensor(dtype, shape, -3), strides, tail)
    return operator, (x,), ()


def scatter_nd(rng, chip):
    """Indices may repeat: the order of the updates then shows."""
    dtype = dtype_of(rng)
    rank = int(rng.integers(1, 5))
    shape, depth = extents(rng, rank, 6), int(rng.integers(1, rank + 1))
    count = pick(rng, (), (1,), (3,), (2, 3))
    indices = np.stack([rng.integers(0, n, count) for n in shape[:depth]], axis=-1)
    reduction = pick(rng, *REDUCTIONS)
    share = pick(rng, 1.0, 0.1)
    data = Tensor(dtype, shape, -3)
    updates = Tensor(dtype, (*count, *shape[depth:]), 0 if reduction == "mul" else -3)
    kind = operators()["scatter_nd"]
    operator = kind(data, Tensor("int64", indices.shape), updates, data, reduction)
    arrays = integers(rng, dtype, shape, share), integers(rng, dtype, updates.shape, share)
    return operator, arrays, (indices.astype(np.int64),)


def reverse_sequence(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(2, 5)), 7)
    batch, time = pick(rng, (0, 1), (1, 0))
    lengths = rng.integers(0, shape[time] + 1, shape[batch]).astype(np.int64)
    tensor = Tensor(dtype, shape, -3)
    kind = operators()["reverse_sequence"]
    operator = kind(tensor, tensor, Tensor("int64", lengths.shape), batch, time)
    return operator, (integers(rng, dtype, shape),), (lengths,)


GENERATORS = {f.__name__: f for f in (pad, insert_zeros, scatter_nd, reverse_sequence)}
