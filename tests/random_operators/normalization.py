"""Random normalizations: layer_norm and log_softmax."""

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, extents, integers, pick


def log_softmax(rng, chip):
    dtype = dtype_of(rng)
    shape = extents(rng, int(rng.integers(1, 5)), 9)
    exponent = int(rng.integers(-7, 1)) if dtype == "int8" else int(rng.integers(-14, -6))
    tensors = Tensor(dtype, shape, exponent), Tensor("float32", shape)
    operator = operators()["log_softmax"](*tensors, int(rng.integers(len(shape))))
    return operator, (integers(rng, dtype, shape),), ()


def layer_norm(rng, chip):
    dtype = dtype_of(rng)
    rank = int(rng.integers(1, 5))
    shape = extents(rng, rank, 9)
    axis = int(rng.integers(rank))
    full = -6 if dtype == "int8" else -14
    parameters = [Tensor(dtype, shape[axis:], full + int(rng.integers(-1, 2))) for _ in range(2)]
    scale, bias = pick(rng, (None, None), (parameters[0], None), tuple(parameters))
    operator = operators()["layer_norm"](
        Tensor(dtype, shape, int(rng.integers(-8, 1)) + (0 if dtype == "int8" else -8)),
        scale,
        bias,
        Tensor(dtype, shape, full + 1 + int(rng.integers(-1, 3))),
        axis,
        pick(rng, 1e-5, 1e-3, 1e-2),
    )
    constants = tuple(integers(rng, dtype, t.shape) for t in (scale, bias) if t is not None)
    return operator, (integers(rng, dtype, shape, pick(rng, 1.0, 0.2)),), constants


GENERATORS = {f.__name__: f for f in (layer_norm, log_softmax)}
# The logarithm is each engine's own.
INEXACT = {"log_softmax": lambda operator: True}
