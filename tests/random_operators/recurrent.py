"""Random recurrent layers: gru and lstm, whole and ragged sizes, one and both directions."""

from tvm_espdl.ops import Tensor, operators

from .draws import dtype_of, integers, pick


def _layer(rng, name, gates, results):
    """Sums that move the gates, one in four so large that they saturate or wrap around."""
    dtype = dtype_of(rng)
    steps, directions = int(rng.integers(1, 5)), int(rng.integers(1, 3))
    inputs, hidden = (int(pick(rng, rng.integers(1, 12), 8, 16)) for _ in range(2))
    rows = gates * hidden
    gate = pick(rng, -9, -9, -8, -10)
    full = 7 if dtype == "int8" else 15
    x, h = (int(rng.integers(-2, 2)) - full for _ in range(2))
    w, r = (int(rng.integers(-3, pick(rng, 0, 0, 0, 9))) - full for _ in range(2))
    gives = pick(rng, *results)
    last = (directions, 1, hidden)
    y = {
        "all": Tensor(dtype, (steps, *last), h),
        "last": Tensor(dtype, last, h),
        "cells": Tensor("int16", last, gate),
    }[gives]
    operator = operators()[name](
        Tensor(dtype, pick(rng, (steps, 1, inputs), (1, steps, inputs)), x),
        Tensor(dtype, last, h),
        Tensor(dtype, (directions, rows, inputs), w),
        Tensor(dtype, (directions, rows, hidden), r),
        Tensor("int16", (directions, 2 * rows), gate),
        y,
        gives,
    )
    share = pick(rng, 0.0, 0.02, 0.1, 1.0)
    states = [
        integers(rng, t.dtype, t.shape, pick(rng, 0.0, 0.1, 1.0)) for t in operator.inputs[1:]
    ]
    constants = (
        *(integers(rng, dtype, t.shape) for t in (operator.w, operator.r)),
        integers(rng, "int16", operator.b.shape, share),
    )
    return operator, (integers(rng, dtype, operator.x.shape), *states), constants


def gru(rng, chip):
    return _layer(rng, "gru", 3, ("all", "all", "last"))


def lstm(rng, chip):
    return _layer(rng, "lstm", 4, ("all", "all", "last", "cells"))


GENERATORS = {f.__name__: f for f in (gru, lstm)}
