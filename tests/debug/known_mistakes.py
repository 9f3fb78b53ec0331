"""Boards that have made a known mistake: for each explanation, on three networks or more."""

from functools import partial

import numpy as np
from board_faults import (
    after_shift,
    bias_of_tail_in_32_bits,
    constant,
    cut,
    first_read_as_last,
    from_the_tail_on,
    in_lanes,
    last_read_as_first,
    last_values,
    lost_in_the_middle,
    moved_by,
    never_run,
    normalized_again,
    of_inputs,
    of_old_kernels,
    of_one_shift,
    of_pixels,
    packed_for_s3_read_plainly,
    plain_read_as_packed,
    quantized,
    rounded_by,
    rows_for_columns,
    scaled_by,
    to_16_bits,
    unlimited,
    unturned_flat,
    with_bias,
    with_relu,
    with_weights,
    without_relu,
    wrapped_products,
    wrapping,
    wrapping_sum,
)
from broken_networks import (
    activated,
    activated_wide,
    camera,
    colours,
    digits,
    enlarged,
    odd,
    pairs,
    residual,
    signals,
    wide,
    wide_matrix,
    wide_signal,
    widened,
)
from layer_formulas import away, floor, half_even, half_up, limited, truncation

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
    "a ReLU on another one": ("relu_added", colours, "conv2d", 1, with_relu),
    "a ReLU on a picture": ("relu_added", digits, "conv2d", 2, with_relu),
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
    "a quarter of the bias, int16": (
        "bias_exponent", signals, "gemm", 0, with_bias(lambda b: b >> 2)
    ),
    "bits lost, a stride": ("wrapped", colours, "conv2d", 1, wrapping),
    "bits lost": ("wrapped", residual, "conv2d", 0, wrapping),
    "bits lost, int16": ("wrapped", signals, "conv1d", 0, wrapping),
    "bits lost in a sum": ("wrapped", signals, "add", 0, wrapping_sum),
    "half": ("exponent_off", residual, "conv2d", 1, scaled_by(0.5)),
    "four times": ("exponent_off", digits, "gemm", 0, scaled_by(4.0)),
    "an eighth, int16": ("exponent_off", signals, "conv1d", 0, scaled_by(0.125)),
    "no lanes for a matrix": ("lane_saturation", wide_matrix, "gemm", 0, unlimited),
    "no lanes for a signal": ("lane_saturation", wide_signal, "conv1d", 0, unlimited),
    "no lanes": ("lane_saturation", wide, "conv2d", 0, unlimited),
    "lanes": ("lane_saturation", partial(wide, "esp32"), "conv2d", 0, in_lanes),
    "one shift": (
        "channel_exponents", partial(residual, "esp32p4", per_channel=True), "conv2d", 0,
        of_one_shift,
    ),
    "one shift, a stride": (
        "channel_exponents", partial(colours, "esp32p4", per_channel=True), "conv2d", 1,
        of_one_shift,
    ),
    "one shift, int16": (
        "channel_exponents", partial(camera, "esp32p4", per_channel=True), "depthwise_conv2d", 0,
        of_one_shift,
    ),
    "a packed filter": (
        "filter_layout", partial(residual, "esp32"), "conv2d", 0,
        with_weights(packed_for_s3_read_plainly),
    ),
    "a plain filter": ("filter_layout", digits, "conv2d", 1, with_weights(plain_read_as_packed)),
    "a turned matrix": ("filter_layout", signals, "gemm", 0, with_weights(rows_for_columns)),
    "colours": ("channel_order", residual, "conv2d", 0, of_inputs(lambda x: x[..., ::-1])),
    "colours, a stride": (
        "channel_order", colours, "conv2d", 0, of_inputs(lambda x: x[..., ::-1])
    ),
    "colours, int16": (
        "channel_order", camera, "transpose", 0, of_inputs(lambda x: x[:, ::-1])
    ),
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
        lambda step, inputs, right: quantized(step, right),
    ),
    "quantized twice, a picture": (
        "input_quantized_twice", digits, "quantize", 0,
        lambda step, inputs, right: quantized(step, right),
    ),
    "quantized twice, int16": (
        "input_quantized_twice", camera, "quantize", 0,
        lambda step, inputs, right: quantized(step, right),
    ),
    "not quantized": (
        "input_not_quantized", digits, "quantize", 0,
        lambda step, inputs, right: inputs[0].astype(np.int8),
    ),
    "not quantized, bits lost": (
        "input_not_quantized", residual, "quantize", 0,
        lambda step, inputs, right: np.rint(inputs[0]).astype(np.int8),
    ),
    "not quantized, int16": (
        "input_not_quantized", signals, "quantize", 1,
        lambda step, inputs, right: np.rint(inputs[0]).astype(np.int16),
    ),
    "mean and deviation twice": (
        "normalized_twice", residual, "quantize", 0, of_pixels(normalized_again)
    ),
    "mean and deviation of digits twice": (
        "normalized_twice", digits, "quantize", 0, of_pixels(lambda x: (x - 0.1307) / 0.3081)
    ),
    "mean and deviation missing, int16": (
        "normalized_twice", camera, "quantize", 0, of_pixels(lambda x: x * 0.5 + 0.5)
    ),
    "pixels of 0 to 2": (
        "input_scaled", digits, "quantize", 0,
        of_pixels(lambda x: x * 0.6 + 0.3),
    ),
    "pixels of 0 to 2, each colour": (
        "input_scaled", colours, "quantize", 0,
        of_pixels(lambda x: x * np.float32([0.7, 0.8, 0.9])[:, None, None] - 0.25),
    ),
    "a signal of another range": (
        "input_scaled", signals, "quantize", 1, of_pixels(lambda x: x * 1.25)
    ),
    "an older picture": (
        "stale_buffer", digits, "conv2d", 2,
        lambda step, inputs, right: inputs[0],
    ),
    "an older tensor amid zeros": ("stale_buffer", colours, "conv2d", 0, never_run),
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
    "another chip, int16": ("other_chip", activated_wide, "prelu", 0, wrapped_products),
    "another chip, a resize": (
        "other_chip", partial(enlarged, "esp32", -7), "resize_nearest", 0,
        lambda step, inputs, right: limited(
            2 * inputs[0].astype(np.int64).repeat(2, axis=1).repeat(2, axis=2), np.int8
        ),
    ),
    "a tail of zeros, int16": ("tail_channels", signals, "conv1d", 0, from_the_tail_on(0)),
    "a tail of zeros, a stride": ("tail_channels", colours, "conv2d", 0, from_the_tail_on(0)),
    "a tail of zeros": ("tail_channels", residual, "conv2d", 0, from_the_tail_on(0)),
    "a tail of one value": ("tail_channels", residual, "depthwise_conv2d", 0, from_the_tail_on(90)),
    "the last values": (
        "tail_values", odd, "relu", 0,
        last_values(lambda inputs: np.full(56, 3)),
    ),
    "the last values, older ones": (
        "tail_values", odd, "requantize", 0,
        last_values(lambda inputs: inputs[0]),
    ),
    "the last values, int16": (
        "tail_values", pairs, "mul", 0, last_values(lambda inputs: np.zeros(44))
    ),
    "the last values of a sum": (
        "tail_values", pairs, "add", 0, last_values(lambda inputs: inputs[0])
    ),
    "the last values, widened": (
        "tail_values", widened, "requantize", 0, last_values(lambda inputs: np.zeros(58), 16)
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
    "cut, a residual": ("dump_cut", residual, "depthwise_conv2d", 0, cut),
    "cut, int16": ("dump_cut", signals, "conv1d", 0, cut),
}  # fmt: skip

#: Inputs that another tensor lies over: the network, the layer, which of its inputs, which tensor,
#: and from which byte of the input on.
OVERWRITTEN = {
    "from the start": (residual, "requantize", 0, "conv_16_0", 0),
    "its second half": (residual, "requantize", 0, "conv_16_0", 640),
    "a picture": (digits, "requantize", 0, "/c4/Conv_output_0", 256),
    "int16": (signals, "add", 1, "v_transposed", 96),
    "another input of the layer": (pairs, "add", 0, "right", 48),
}

#: Layers whose result is still that of the run before.
LEFT_FROM_BEFORE = {
    "a picture": (digits, "conv2d"),
    "a residual": (residual, "depthwise_conv2d"),
    "two inputs, int16": (signals, "add"),
}


def models_of(explanation):
    """The networks, each once however it is compiled, on which a mistake of the kind is made."""
    made = [network for name, network, *_ in MISTAKES.values() if name == explanation]
    if explanation == "input_overwritten":
        made += [network for network, *_ in OVERWRITTEN.values()]
    if explanation == "previous_run":
        made += [network for network, _ in LEFT_FROM_BEFORE.values()]
    return {getattr(network, "func", network).__name__ for network in made}
