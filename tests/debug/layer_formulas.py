"""Plain formulas of what layers compute: sums, ways to round, results."""

import numpy as np


def products(step, inputs):
    """The sums of a layer without its bias, by plain loops over the taps: (positions, channels)."""
    operator, (w, *_) = step.operator, step.constants
    x, w = inputs[0].astype(np.int64), w.astype(np.int64)
    if operator.name == "gemm":
        return x.reshape(-1, x.shape[-1]) @ w
    if x.ndim == 3:
        x, w = x[:, None], w[:, :, None]
    top, left, bottom, right = operator.pads
    x = np.pad(x[0], ((top, bottom), (left, right), (0, 0)))
    (down, along), (rows, columns) = operator.strides, operator.result_size
    sums = np.zeros((rows, columns, len(w)), np.int64)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            window = x[i : i + rows * down : down, j : j + columns * along : along]
            if operator.name.startswith("depthwise"):
                sums += window * w[:, 0, i, j]
            else:
                sums += window @ w[:, :, i, j].T
    return sums.reshape(-1, len(w))


def shifts(step):
    operator = step.operator
    return np.array(operator.shifts if hasattr(operator, "shifts") else [operator.shift])


def bias(step):
    return step.constants[1].astype(np.int64)


def half_up(values, shift):
    return (values + (1 << shift >> 1)) >> shift


def half_even(values, shift):
    return np.rint(values / 2.0**shift).astype(np.int64)


def limited(values, dtype):
    ends = np.iinfo(dtype)
    return np.clip(values, ends.min, ends.max).astype(dtype)


def finished(step, sums, chip, rounding=None, *, relu=None, wraps=False):
    """From sums to results."""
    own = half_even if chip.rounding == "half_even" else half_up
    values = (rounding or own)(sums, shifts(step))
    if step.operator.activation == "relu" if relu is None else relu:
        values = np.maximum(values, 0)
    dtype = step.operator.output.dtype
    return values.astype(dtype) if wraps else limited(values, dtype)


def floor(values, shift):
    return values >> shift


def truncation(values, shift):
    return np.trunc(values / 2.0**shift).astype(np.int64)


def away(values, shift):
    return np.sign(values) * ((np.abs(values) + (1 << shift >> 1)) >> shift)
