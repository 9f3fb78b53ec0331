"""Random products of two computed matrices."""

import numpy as np

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick, wanted_shift


def matmul(rng, chip):
    """Ranks 2 to 4, batches broadcast; half of them with sums that can leave their register."""
    dtype = dtype_of(rng)
    rows, depth, columns = (int(n) for n in rng.integers((1, 1, 1), (6, 70, 40)))
    batch = extents(rng, int(rng.integers(0, 3)), 3)
    shapes = []
    for matrix in ((rows, depth), (depth, columns)):
        kept = batch[int(rng.integers(0, len(batch) + 1)) :] if rng.random() < 0.4 else batch
        shapes.append((*(n if rng.random() < 0.7 else 1 for n in kept), *matrix))
    share = pick(rng, 1.0, 0.3, 0.03)
    a, b = (integers(rng, dtype, shape, share) for shape in shapes)
    if rng.random() < 0.4:  # one sign each: the S3's 20 bits do not hold that
        a, b = np.abs(a) - 1, np.abs(b) - 1
    y_shape = (*np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2]), rows, columns)
    shift = wanted_shift(rng, b.reshape(-1, columns).T, dtype)
    operator = operators()["matmul"](
        Tensor(dtype, a.shape, -4),
        Tensor(dtype, b.shape, -7),
        Tensor(dtype, y_shape, -11 + shift),
        pick(rng, "linear", "relu"),
    )
    return operator, (a, b), ()


GENERATORS = {"matmul": matmul}
