"""For each known mistake: a board that has made it, the layer that is named, and the verdict."""

import numpy as np
import pytest
from broken_networks import (
    activated,
    bias,
    board_of,
    digits,
    finished,
    half_even,
    half_up,
    limited,
    odd,
    products,
    residual,
    sample_of,
    shifts,
    signals,
    step_of,
    wide,
)

from tvm_espdl import debug
from tvm_espdl.chips import find_chip
from tvm_espdl.debug.explanations import EXPLANATIONS
from tvm_espdl.debug.explanations.explanation import Explanation

HALF_UP, HALF_EVEN = find_chip("esp32s3"), find_chip("esp32p4")


def floor(values, shift):
    return values >> shift


def truncation(values, shift):
    return np.trunc(values / 2.0**shift).astype(np.int64)


def away(values, shift):
    return np.sign(values) * ((np.abs(values) + (1 << shift >> 1)) >> shift)


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


def quantized(floats, exponent):
    return limited(np.floor(floats.astype(np.float64) * 2.0**-exponent + 0.5), np.int8)


def normalized_again(step, inputs, right):
    mean, std = (np.array(v, np.float32)[None, :, None, None] for v in (MEAN, STD))
    return quantized((inputs[0] - mean) / std, -6)


IN_WHOLE_VECTORS = np.arange(56).reshape(1, 7, 8) < 48
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def from_the_tail_on(value):
    def fault(step, inputs, right):
        found = right.copy()
        found[..., len(step.constants[0]) // 16 * 16 :] = value
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


#: The explanation that comes first, the network, the operator and which of its kind, the board.
MISTAKES = {
    "half even": ("other_rounding", digits, "conv2d", 1, rounded_by(half_even)),
    "floor": ("other_rounding", residual, "depthwise_conv2d", 0, rounded_by(floor)),
    "truncation": ("other_rounding", signals, "conv1d", 0, rounded_by(truncation)),
    "away": ("other_rounding", residual, "conv2d", 1, rounded_by(away)),
    "floor of a gemm": ("other_rounding", signals, "gemm", 0, rounded_by(floor)),
    "no ReLU": ("relu_missing", residual, "conv2d", 0, without_relu),
    "no ReLU, depthwise": ("relu_missing", digits, "depthwise_conv2d", 0, without_relu),
    "no ReLU, int16": ("relu_missing", signals, "conv1d", 0, without_relu),
    "a ReLU": ("relu_added", residual, "conv2d", 1, with_relu),
    "a ReLU on a gemm": ("relu_added", signals, "gemm", 0, with_relu),
    "a ReLU on a sum": ("relu_added", signals, "add", 0, with_relu),
    "no bias": ("bias_missing", digits, "conv2d", 1, with_bias(np.zeros_like)),
    "no bias, depthwise": (
        "bias_missing", residual, "depthwise_conv2d", 0, with_bias(np.zeros_like)
    ),
    "no bias, int16": ("bias_missing", signals, "gemm", 0, with_bias(np.zeros_like)),
    "a bias of 16 bits": ("bias_truncated", signals, "conv1d", 0, with_bias(to_16_bits)),
    "a bias of 12 bits": (
        "bias_truncated", residual, "gemm", 0, with_bias(lambda b: np.clip(b, -2048, 2047))
    ),
    "a bias of 8 bits": (
        "bias_truncated", digits, "conv2d", 0, with_bias(lambda b: b.astype(np.int8))
    ),
    "the bias last": ("bias_after_shift", residual, "conv2d", 1, after_shift),
    "the bias last, int16": ("bias_after_shift", signals, "conv1d", 0, after_shift),
    "the bias as in old kernels": ("bias_after_shift", digits, "conv2d", 1, of_old_kernels),
    "the bias twice": ("bias_exponent", digits, "depthwise_conv2d", 0, with_bias(lambda b: 2 * b)),
    "an eighth of the bias": (
        "bias_exponent", residual, "conv2d", 0, with_bias(lambda b: b >> 3)
    ),
    "bits lost": ("wrapped", residual, "conv2d", 0, wrapping),
    "bits lost, int16": ("wrapped", signals, "conv1d", 0, wrapping),
    "bits lost in a sum": ("wrapped", signals, "add", 0, wrapping_sum),
    "half": ("exponent_off", residual, "conv2d", 1, scaled_by(0.5)),
    "four times": ("exponent_off", digits, "gemm", 0, scaled_by(4.0)),
    "an eighth, int16": ("exponent_off", signals, "conv1d", 0, scaled_by(0.125)),
    "no lanes": ("lane_saturation", wide, "conv2d", 0, unlimited),
    "lanes": ("lane_saturation", lambda: wide("esp32"), "conv2d", 0, in_lanes),
    "one shift": (
        "channel_exponents", lambda: residual("esp32p4", per_channel=True), "conv2d", 0,
        of_one_shift,
    ),
    "a packed filter": (
        "filter_layout", lambda: residual("esp32"), "conv2d", 0,
        with_weights(packed_for_s3_read_plainly),
    ),
    "a plain filter": ("filter_layout", digits, "conv2d", 1, with_weights(plain_read_as_packed)),
    "a turned matrix": ("filter_layout", signals, "gemm", 0, with_weights(rows_for_columns)),
    "colours": ("channel_order", residual, "conv2d", 0, of_inputs(lambda x: x[..., ::-1])),
    "colours of the input": (
        "channel_order", residual, "quantize", 0, of_inputs(lambda x: x[:, ::-1])
    ),
    "channels first": ("layout_of_input", digits, "conv2d", 1, of_inputs(first_read_as_last)),
    "channels last": ("layout_of_input", residual, "quantize", 0, of_inputs(last_read_as_first)),
    "a flattened image": ("layout_of_input", residual, "gemm", 0, of_inputs(unturned_flat)),
    "a signal": (
        "layout_of_input", signals, "quantize", 0,
        lambda step, inputs, right: right.transpose(0, 2, 1).reshape(right.shape),
    ),
    "quantized twice": (
        "input_quantized_twice", residual, "quantize", 0,
        lambda step, inputs, right: quantized(right, -6),
    ),
    "not quantized": (
        "input_not_quantized", digits, "quantize", 0,
        lambda step, inputs, right: inputs[0].astype(np.int8),
    ),
    "not quantized, int16": (
        "input_not_quantized", signals, "quantize", 1,
        lambda step, inputs, right: np.rint(inputs[0]).astype(np.int16),
    ),
    "mean and deviation twice": ("normalized_twice", residual, "quantize", 0, normalized_again),
    "pixels of 0 to 2": (
        "input_scaled", digits, "quantize", 0,
        lambda step, inputs, right: quantized(inputs[0] * 0.6 + 0.3, -6),
    ),
    "an older tensor": (
        "stale_buffer", residual, "conv2d", 1,
        lambda step, inputs, right: inputs[0],
    ),
    "never written": ("stale_buffer", signals, "mul", 0, constant),
    "another chip": (
        "other_chip", activated, "prelu", 0,
        lambda step, inputs, right: np.where(
            inputs[0] > 0, inputs[0], half_up(inputs[0] * step.constants[0].astype(np.int64), 7)
        ).astype(np.int8),
    ),
    "a tail of zeros": ("tail_channels", residual, "conv2d", 0, from_the_tail_on(0)),
    "a tail of one value": ("tail_channels", residual, "depthwise_conv2d", 0, from_the_tail_on(90)),
    "the last values": (
        "tail_values", odd, "relu", 0,
        lambda step, inputs, right: np.where(IN_WHOLE_VECTORS, right, np.int8(3)),
    ),
    "the last values, older ones": (
        "tail_values", odd, "requantize", 0,
        lambda step, inputs, right: np.where(IN_WHOLE_VECTORS, right, inputs[0]),
    ),
    "a tail's bias": ("tail_channels", residual, "conv2d", 1, bias_of_tail_in_32_bits),
    "values put in": ("dump_shifted", digits, "conv2d", 2, moved_by(16)),
    "values lost": ("dump_shifted", signals, "conv1d", 0, moved_by(-3)),
    "half a value lost": (
        "dump_shifted", signals, "conv1d", 0,
        lambda step, inputs, right: np.frombuffer(right.tobytes()[1:] + b"\0", np.int16),
    ),
    "a line lost": ("dump_shifted", residual, "conv2d", 0, lost_in_the_middle),
    "cut": ("dump_cut", digits, "conv2d", 1, cut),
    "cut, int16": ("dump_cut", signals, "conv1d", 0, cut),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_recognized(mistake):
    name, network, kind, place, fault = MISTAKES[mistake]
    network = network()
    step, sample = step_of(network, kind, place), sample_of(network)
    board = board_of(network, sample, step.outputs[0], fault)
    result = debug.compare(network, board, sample)
    assert not result.ok
    assert result.first.tensor == step.outputs[0], result
    assert result.first_layer.operator == kind
    (culprit,) = result.culprits
    assert culprit.tensor == step.outputs[0]
    assert culprit.explanations and culprit.explanations[0].name == name, result
    assert f"culprit: {step.outputs[0]}, {result.first_layer}" in str(result)
    others = [fault.verdict for fault in result.faults if fault is not culprit]
    assert set(others) <= {"inherits"} and len(result.differences) == len(result.faults)


@pytest.mark.parametrize("at", [0, 640])
def test_a_tensor_that_lies_over_an_input_is_named(at):
    network = residual()
    sample = sample_of(network)
    later = network.observe(sample)["conv_16_0"].tobytes()

    def fault(step, inputs, right):
        raw = bytearray(inputs[0].tobytes())
        raw[at:] = later[: len(raw) - at]
        x = np.frombuffer(bytes(raw), np.int8).reshape(inputs[0].shape)
        return step.operator.reference(HALF_UP, x)

    board = board_of(network, sample, "quantizelinear_19_0", fault)
    result = debug.compare(network, board, sample)
    (culprit,) = result.culprits
    (found,) = culprit.explanations
    assert found.name == "input_overwritten"
    assert found.detail == f"conv_16_0 lies over relu_5_0, from byte {at} of it on"


@pytest.mark.parametrize(
    ("rounding", "words"),
    [
        (half_even, "ties go to the even integer"),
        (floor, "always down"),
        (truncation, "always towards zero"),
        (away, "ties go away from zero"),
    ],
)
def test_roundings_are_told_apart_where_they_differ(rounding, words):
    """The sums of many outputs have either sign and some ties."""
    network = digits()
    sample, step = sample_of(network), step_of(network, "conv2d", 1)
    board = board_of(network, sample, step.outputs[0], rounded_by(rounding))
    found = debug.compare(network, board, sample).culprits[0].explanations[0]
    assert found.name == "other_rounding" and "; or" not in found.detail
    assert found.detail.startswith(words)
    # Behind a ReLU, down and towards zero are the same, and both are named.
    step = step_of(network, "conv2d")
    board = board_of(network, sample, step.outputs[0], rounded_by(floor))
    detail = debug.compare(network, board, sample).culprits[0].explanations[0].detail
    assert "always down" in detail and "; or always towards zero" in detail


def test_every_explanation_is_shown():
    names = {name for name, *_ in MISTAKES.values()}
    assert {one.name for one in EXPLANATIONS} - names == {"input_overwritten"}
    for one in EXPLANATIONS:
        assert one.sentence.endswith(".") and one.remedy and not one.remedy.startswith("Try")
    assert type(Explanation()).__doc__


def noisy(rng):
    """One value that differs, by a few steps."""

    def fault(step, inputs, right):
        found = right.copy()
        at = rng.integers(found.size)
        old = int(found.ravel()[at])
        by = int(rng.choice([-1, 1]) * rng.integers(1, 5))
        fits = np.iinfo(found.dtype).min <= old + by <= np.iinfo(found.dtype).max
        found.ravel()[at] = old + by if fits else old - by
        return found

    return fault


def shuffled(rng):
    def fault(step, inputs, right):
        return rng.permutation(right.ravel())

    return fault


def random_values(rng):
    def fault(step, inputs, right):
        return rng.integers(-100, 100, right.shape).astype(right.dtype)

    return fault


def other_weights(rng):
    def fault(step, inputs, right):
        if len(step.constants) != 2:
            return shuffled(rng)(step, inputs, right)
        w, b = step.constants
        w = w.copy()
        w.ravel()[rng.integers(w.size, size=9)] ^= 21
        return step.operator.reference(HALF_UP, *inputs, w, b)

    return fault


@pytest.mark.parametrize("kind", [noisy, shuffled, random_values, other_weights])
def test_nothing_else_is_claimed(kind):
    seed = np.random.SeedSequence().entropy % 1_000_000
    rng = np.random.default_rng(seed)
    for network in (residual(), signals(), digits()):
        sample = sample_of(network)
        # What a layer of a few values gives, can be met by chance, and that is said.
        outputs = [(step, step.operator.output) for step in network.program.steps]
        steps = [step for step, y in outputs if y.dtype != "float32" and y.size >= 16]
        step = steps[rng.integers(len(steps))]
        board = board_of(network, sample, step.outputs[0], kind(rng))
        result = debug.compare(network, board, sample)
        told = f"seed {seed}, {step.outputs[0]}\n{result}"
        if result.ok:
            continue  # what differed was rounded away
        assert result.first.tensor == step.outputs[0], told
        culprit = result.culprits[0]
        assert culprit.tensor == step.outputs[0] and culprit.statistics, told
        assert not culprit.explanations, told
        assert "no known explanation fits all values" in str(result), told
