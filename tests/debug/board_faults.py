"""Plain formulas of what boards do wrong: each takes a layer, its inputs, and its right result.

They are written without the package's own arithmetic.
"""

import numpy as np
from layer_formulas import bias, finished, half_even, half_up, limited, products, shifts

from tvm_espdl.chips import find_chip

HALF_UP, HALF_EVEN = find_chip("esp32s3"), find_chip("esp32p4")


def summed(step, inputs):
    return products(step, inputs) + bias(step)


def rounded_by(rounding):
    def fault(step, inputs, right):
        return finished(step, summed(step, inputs), HALF_UP, rounding)

    return fault


def with_bias(change):
    def fault(step, inputs, right):
        return finished(step, products(step, inputs) + change(bias(step)), HALF_UP)

    return fault


def to_16_bits(b):
    return b.astype(np.int16).astype(np.int64)


def after_shift(step, inputs, right):
    parts = half_up(products(step, inputs), shifts(step)) + half_up(bias(step), shifts(step))
    parts = np.maximum(parts, 0) if step.operator.activation == "relu" else parts
    return limited(parts, right.dtype)


def of_old_kernels(step, inputs, right):
    """The shift rounds down and saturates; then the bias, at the result's exponent."""
    parts = limited(products(step, inputs) >> shifts(step), right.dtype).astype(np.int64)
    parts = parts + half_up(bias(step), shifts(step))
    return limited(
        np.maximum(parts, 0) if step.operator.activation == "relu" else parts, right.dtype
    )


def without_relu(step, inputs, right):
    return finished(step, summed(step, inputs), HALF_UP, relu=False)


def with_relu(step, inputs, right):
    return np.maximum(right, 0)


def wrapping(step, inputs, right):
    return finished(step, summed(step, inputs), HALF_UP, wraps=True)


def wrapping_sum(step, inputs, right):
    a, b = (x.astype(np.int64) for x in inputs)
    return (a + b).astype(right.dtype)


def wrapped_products(step, inputs, right):
    """A PReLU of int16 that rounds down and keeps the low bits."""
    x, alpha = inputs[0].astype(np.int64), step.constants[0].astype(np.int64).ravel()
    return np.where(x > 0, x, (x * alpha >> 12).astype(np.int16)).astype(np.int16)


def scaled_by(factor):
    """Another exponent of the result."""

    def fault(step, inputs, right):
        sums = summed(step, inputs)
        shift = shifts(step) + int(np.log2(1 / factor))
        values = half_up(sums, shift)
        values = np.maximum(values, 0) if step.operator.activation == "relu" else values
        return limited(values, right.dtype)

    return fault


def unlimited(step, inputs, right):
    return finished(step, summed(step, inputs), HALF_UP)


def in_lanes(step, inputs, right):
    """20 bits that saturate after each product: bias, row, column, channel."""
    x, w = inputs[0].astype(np.int64), step.constants[0].astype(np.int64)
    top, left, bottom, right_ = step.operator.pads
    x = np.pad(x[0], ((top, bottom), (left, right_), (0, 0)))
    rows, columns = step.operator.result_size
    sums = np.tile(bias(step), (rows, columns, 1))
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            for c in range(w.shape[1]):
                part = x[i : i + rows, j : j + columns, c, None] * w[:, c, i, j]
                sums = np.clip(sums + part, -(1 << 19), (1 << 19) - 1)
    return finished(step, sums.reshape(-1, len(w)), HALF_UP)


def of_one_shift(step, inputs, right):
    values = half_even(summed(step, inputs), int(shifts(step)[0]))
    values = np.maximum(values, 0) if step.operator.activation == "relu" else values
    return limited(values, right.dtype)


def with_weights(change):
    def fault(step, inputs, right):
        w, *b = step.constants
        return step.operator.reference(HALF_UP, *inputs, change(w), *b)

    return fault


def vectors_of_16(w):
    """Filters in memory as the ESP32-S3 has them: whole vectors as (O/16) H W C 16, then OHWC."""
    full = len(w) // 16 * 16
    blocks = w[:full].reshape(-1, 16, *w.shape[1:]).transpose(0, 3, 4, 2, 1).ravel()
    return np.concatenate([blocks, w[full:].transpose(0, 2, 3, 1).ravel()])


def packed_for_s3_read_plainly(w):
    o, i, h, v = w.shape
    return np.ascontiguousarray(vectors_of_16(w).reshape(o, h, v, i).transpose(0, 3, 1, 2))


def plain_read_as_packed(w):
    places = vectors_of_16(np.arange(w.size).reshape(w.shape))
    found = np.empty(w.size, w.dtype)
    found[places] = w.transpose(0, 2, 3, 1).ravel()
    return found.reshape(w.shape)


def rows_for_columns(w):
    return np.ascontiguousarray(w.ravel().reshape(w.shape[1], w.shape[0]).T)


def of_inputs(change):
    def fault(step, inputs, right):
        changed = [np.ascontiguousarray(change(x)) for x in inputs[:1]]
        return step.operator.reference(HALF_UP, *changed, *inputs[1:], *step.constants)

    return fault


def first_read_as_last(x):
    return x.transpose(0, 3, 1, 2).reshape(x.shape)


def last_read_as_first(x):
    n, c, h, w = x.shape
    return x.transpose(0, 2, 3, 1).reshape(n, c, h, w)


def unturned_flat(x):
    """A flattened image whose pixels lie channels first."""
    return x.reshape(2, 2, 20).transpose(2, 0, 1).reshape(1, 80)


def quantized(step, floats):
    y = step.operator.output
    return limited(np.floor(floats.astype(np.float64) * 2.0**-y.exponent + 0.5), y.dtype)


def of_pixels(change):
    """Other floats are quantized."""

    def fault(step, inputs, right):
        return quantized(step, change(inputs[0].astype(np.float32)))

    return fault


def normalized_again(x):
    mean, std = (np.array(v, np.float32)[None, :, None, None] for v in (MEAN, STD))
    return (x - mean) / std


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def lanes_of(array):
    """Of the vectors of 16 bytes."""
    return 16 // array.itemsize


def last_values(change, vector=0):
    """Those behind the last whole vector are not written."""

    def fault(step, inputs, right):
        vectors = right.size // (vector or lanes_of(right))
        first = vectors * (vector or lanes_of(right))
        assert 0 < first < right.size
        flat = right.copy().ravel()
        flat[first:] = change(inputs).ravel()[first:]
        return flat

    return fault


def from_the_tail_on(value):
    def fault(step, inputs, right):
        found = right.copy()
        found[..., right.shape[-1] // lanes_of(right) * lanes_of(right) :] = value
        return found

    return fault


def bias_of_tail_in_32_bits(step, inputs, right):
    halves = bias(step).copy()
    words = bias(step)[16:].view(np.int32)
    halves[16:] = words[: len(halves) - 16]
    return finished(step, products(step, inputs) + halves, HALF_UP)


def moved_by(count):
    def fault(step, inputs, right):
        flat = np.roll(right.ravel(), count)
        if count > 0:
            flat[:count] = 0
        else:
            flat[count:] = 0
        return flat

    return fault


def lost_in_the_middle(step, inputs, right):
    flat = right.ravel()
    return np.concatenate([flat[:90], flat[138:], np.full(48, 0, flat.dtype)])


def cut(step, inputs, right):
    flat = right.ravel().copy()
    flat[flat.size // 2 + 3 :] = 85
    return flat


def constant(step, inputs, right):
    return np.full_like(right, -1)


def never_run(step, inputs, right):
    """The layer's memory has still what lay there before, which was smaller."""
    found = np.zeros_like(right).ravel()
    found[16 : 16 + inputs[0].size] = inputs[0].ravel()
    return found


def lying_over(tensor, place, at):
    """Another tensor lies over an input of the layer, from one of its bytes on."""

    def fault(step, inputs, right):
        raw = bytearray(inputs[place].tobytes())
        raw[at:] = tensor.tobytes()[: len(raw) - at]
        raw = raw[: inputs[place].nbytes]
        found = np.frombuffer(bytes(raw), inputs[place].dtype).reshape(inputs[place].shape)
        changed = [*inputs[:place], found, *inputs[place + 1 :]]
        return step.operator.reference(HALF_UP, *changed, *step.constants)

    return fault
