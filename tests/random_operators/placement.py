"""Random scatters and reversed sequences."""

import numpy as np

from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.scatter_nd import REDUCTIONS

from .draws import dtype_of, extents, integers, pick


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


GENERATORS = {f.__name__: f for f in (scatter_nd, reverse_sequence)}
