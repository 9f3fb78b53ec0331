"""Lines of the generated C and its runtime that are changed, and the explanation to be found."""

from functools import partial

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

NETWORKS = {
    "digits": digits,
    "residual": residual,
    "residual, per channel": partial(residual, "esp32p4", per_channel=True),
    "residual, P4": partial(residual, "esp32p4"),
    "signals": signals,
    "colours": colours,
    "colours, per channel": partial(colours, "esp32p4", per_channel=True),
    "colours, ESP32": partial(colours, "esp32"),
    "camera": camera,
    "camera, per channel": partial(camera, "esp32p4", per_channel=True),
    "wide": wide,
    "wide matrix": wide_matrix,
    "wide signal": wide_signal,
    "odd": odd,
    "widened": widened,
    "pairs": pairs,
    "activated": activated,
    "activated wide": activated_wide,
    "enlarged": partial(enlarged, "esp32", -7),
}

BODY, HEADER = "espdl_accumulate_body.h", "espdl_accumulate.h"
CONV, POINTWISE, STRIDED = "espdl_conv2d_body.h", "espdl_pointwise.h", "espdl_strided.h"
BOTH_ROUNDED = "const int64_t rounded = espdl_shift_and_round(sum, shift, d->half_even);"
BIAS = "((const ESPDL_SUM *)d->bias)[channel]"
QUANTIZED = "espdl_saturate_##suffix(espdl_quantized(v, (d)->scale, (d)->half_even))"

#: Of each network, what its first convolution or matrix product gives.
FIRST = {
    **dict.fromkeys(NETWORKS, "relu_5_0"),
    **dict.fromkeys(("wide", "wide matrix"), "dequantizelinear_6_0"),
    **{"digits": "/Relu_output_0", "signals": "relu_7_0"},
}
ENTERING = {"digits": "input", "residual": "image", "signals": "u", "camera": "picture"}


def first(*networks):
    return {name: FIRST[name] for name in networks}


def entering(*networks):
    return {name: ENTERING[name] for name in networks}


def only_once(call, given):
    """The network runs twice, first with another input; a call is left out of the second run."""
    function = f"  tvmgen_default_espdl_main_{call}(tensor"
    return (
        ("app_main.c", "  return tvmgen_default_run(&in, &out);", f"""
  static float before[sizeof input_data_{given} / sizeof(float)];
  for (size_t i = 0; i < sizeof before / sizeof *before; ++i) {{
    before[i] = -((const float *)input_data_{given})[i];
  }}
  in.{given} = before;
  (void)tvmgen_default_run(&in, &out);
  in.{given} = input_data_{given};
  return tvmgen_default_run(&in, &out);"""),
        ("default_lib1.c", function, f"  static int runs;\n  if (++runs == 1)\n  {function}"),
    )  # fmt: skip


COMMON = first("digits", "residual, per channel", "signals")

#: The explanation that comes first, the networks with their first wrong tensor, and changes:
#: (file, text that it has once, what takes its place).
MISTAKES = {
    "rounds down": (
        "other_rounding", COMMON,
        (BODY, "= (1 << (b->shifts[i] - 1)) - b->offset;", "= 0 - b->offset;"),
        (BODY, "if (half_even && (uint32_t)sum << (32 - shift) == 0)", "if (half_even < 0)"),
        (HEADER, BOTH_ROUNDED, "const int64_t rounded = sum >> shift;"),
    ),
    "half even": (
        "other_rounding", first("digits"),
        (BODY, "const int32_t half_even = d->half_even;", "const int32_t half_even = 1;"),
    ),
    "no bias": (
        "bias_missing", COMMON,
        (BODY, "if (d->bias == NULL) {", "if (d->bias == NULL || d->output_channels > 0) {"),
    ),
    "a bias of 12 bits": (
        "bias_truncated", first("colours, ESP32", "residual, per channel"),
        (BODY, f"return {BIAS};", f"return (int32_t)((uint32_t){BIAS} << 20) >> 20;"),
    ),
    "a bias of 24 bits": (
        "bias_truncated", first("camera, per channel"),
        (BODY, f"return {BIAS};", f"return (int32_t)((uint32_t){BIAS} << 8) >> 8;"),
    ),
    "four times the bias": (
        "bias_exponent", first("colours", "residual, P4", "signals"),
        (BODY, "b->bias[i] = bias;", "b->bias[i] = 4 * bias;"),
    ),
    "the bias last": (
        "bias_after_shift", first("colours", "digits", "residual"),
        (BODY, "b->start[i] = b->bias[i] + b->offset;", "b->start[i] = b->offset;"),
        (BODY, "int32_t result = sum >> shift; ",
         "int32_t result = (sum >> shift) + "
         "((b->bias[b->count - (end - sums)] + (1 << (shift - 1))) >> shift); "),
    ),
    "no ReLU": (
        "relu_missing", COMMON,
        (BODY, "lowest = d->relu ? 0 : INT8_MIN;", "lowest = INT8_MIN;"),
        (HEADER, "return d->relu && rounded < 0 ? 0 : rounded;", "return rounded;"),
    ),
    "a ReLU": (
        "relu_added",
        {"colours": "dequantizelinear_12_0", "digits": "/pw/Conv_output_0",
         "signals": "dequantizelinear_25_0"},
        (BODY, "lowest = d->relu ? 0 : INT8_MIN;", "lowest = 0;"),
        (HEADER, "return d->relu && rounded < 0 ? 0 : rounded;",
         "return rounded < 0 ? 0 : rounded;"),
    ),
    "bits are lost": (
        "wrapped", COMMON,
        (BODY, "result = result < lowest ? lowest : INT8_MAX;",
         "result = d->relu && result < lowest ? lowest : (int8_t)result;"),
        ("espdl_arithmetic.h",
         "return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);",
         "return (int16_t)value;"),
    ),
    "an exponent": (
        "exponent_off", COMMON,
        (BODY, "b->shifts[i] = shifts == NULL ? d->shift : shifts[b->first + i];",
         "b->shifts[i] = 1 + (shifts == NULL ? d->shift : shifts[b->first + i]);"),
    ),
    "one shift for all channels": (
        "channel_exponents",
        first("colours, per channel", "residual, per channel", "camera, per channel"),
        (BODY, "d->shift : shifts[b->first + i];", "d->shift : shifts[0];"),
    ),
    "nothing saturates in lanes": (
        "lane_saturation", first("wide", "wide matrix", "wide signal"),
        (BODY, "if (!d->ordered || b->kept.per_clamp == 0 || largest < room_kept) {",
         "if (d->ordered >= 0 || b->kept.per_clamp == 0 || largest < room_kept) {"),
    ),
    "a packed filter is read plainly": (
        "filter_layout", first("residual", "colours", "signals"),
        (CONV, "  if (first < in_vectors) {", "  if (first < 0 * in_vectors) {"),
    ),
    "a packed filter is read plainly on the P4": (
        "filter_layout", first("residual, P4"),
        (CONV, "d->lanes == 0 ? 0 : d->output_channels / ESPDL_LANES * ESPDL_LANES;",
         "d->lanes >= 0 ? 0 : d->output_channels / ESPDL_LANES * ESPDL_LANES;"),
    ),
    "a tail is not written": (
        "tail_channels", first("residual", "colours", "camera"),
        (CONV, "first < d->output_channels; first += ESPDL_CHANNELS",
         "first < (in_vectors ? in_vectors : d->output_channels); first += ESPDL_CHANNELS"),
    ),
    "a layer does not run": (
        "stale_buffer", first("wide", "colours", "camera"),
        (CONV, "column < d->output_width;", "column < 0 * d->output_width;"),
    ),
    "a layer ends early": (
        "dump_cut", first("residual", "colours", "camera"),
        (BODY, "row < d->output_height;", "row < (d->output_height + 1) / 2;"),
    ),
    "values are read from the fourth on": (
        "dump_shifted", entering("digits", "residual", "camera"),
        (POINTWISE, "value(suffix, &own, x[i]);",
         "value(suffix, &own, i + 3 < own.size ? x[i + 3] : 0);"),
    ),
    "floats become integers": (
        "input_not_quantized", entering("digits", "residual", "signals"),
        ("espdl_rescale.h", "espdl_round_scaled(value, power, half_even)",
         "espdl_round_scaled(value, 0, half_even)"),
    ),
    "quantizes twice": (
        "input_quantized_twice", entering("digits", "residual", "camera"),
        ("espdl_quantize.c", f"  {QUANTIZED}",
         "  " + QUANTIZED.replace("(v,", f"((float){QUANTIZED},")),
    ),
    "normalizes once more": (
        "normalized_twice", entering("digits", "residual", "camera"),
        ("espdl_quantize.c", "(v, ", "(((v) - 0.5f) / 0.5f, "),
    ),
    "another range of pixels": (
        "input_scaled", entering("digits", "residual", "camera"),
        ("espdl_quantize.c", "(v, ", "((v) * 0.7f + 0.2f, "),
    ),
    "BGR": (
        "channel_order",
        {"colours": "pixels_transposed", "residual": "image_transposed",
         "camera": "picture_transposed"},
        (STRIDED, "y[j] = x[from]; ", "y[j] = x[count == 3 ? row + (2 - j) * stride : from]; "),
    ),
    "an image is not turned": (
        "layout_of_input",
        {"colours": "pixels_transposed", "residual": "image_transposed",
         "signals": "u_transposed"},
        (STRIDED, "int32_t offset = first_place; ",
         "int32_t offset = first_place; const type *const begin = y; "),
        (STRIDED, "int32_t from = row; ", "int32_t from = (int32_t)(y - begin); "),
        (STRIDED, "++j, from += stride) {", "++j, ++from) {"),
    ),
    "the last values are not written": (
        "tail_values", {"odd": "relu_2_0"},
        (POINTWISE, "looked_up ? ESPDL_INTEGERS : own.size;",
         "looked_up ? ESPDL_INTEGERS : own.size / 16 * 16;"),
    ),
    "the last widened values are not written": (
        "tail_values", {"widened": "image"},
        (POINTWISE, "y[i] = value(suffix, &own, x[i]);",
         "if (i < own.size / 16 * 16) { y[i] = value(suffix, &own, x[i]); }"),
    ),
    "the last sums are not written": (
        "tail_values", {"pairs": "dequantizelinear_6_0"},
        ("espdl_broadcast.h", "l < n[3]; ", "l < n[3] / 8 * 8; "),
    ),
    "another chip's PReLU": (
        "other_chip", {"activated": "dequantizelinear_5_0"},
        ("espdl_prelu.c", "return d->rounds ?", "return d->rounds == 0 ?"),
    ),
    "another chip's PReLU of int16": (
        "other_chip", {"activated wide": "dequantizelinear_5_0"},
        ("espdl_prelu.c", "value = own.wraps ?", "value = own.wraps == 0 ?"),
    ),
    "another chip's resize": (
        "other_chip", {"enlarged": "dequantizelinear_4_0"},
        ("espdl_resize_nearest.c", "return d->wraps ?", "return d->wraps == 0 ?"),
    ),
    "a convolution runs once": (
        "previous_run", {"residual": "conv_16_0"}, *only_once(4, "image"),
    ),
    "a sum is computed once": (
        "previous_run", {"pairs": "dequantizelinear_6_0"}, *only_once(2, "left"),
    ),
    "a matrix product is computed once": (
        "previous_run", first("wide matrix"), *only_once(1, "rows"),
    ),
    "two buffers overlap": (
        "input_overwritten", {"residual": "quantizelinear_19_0"},
        ("default_lib1.c", "tensor_conv_16_0 = (int8_t *)(void *)(arena + 2560);",
         "tensor_conv_16_0 = (int8_t *)(void *)(arena + 0);"),
    ),
    "two buffers overlap partly": (
        "input_overwritten", {"signals": "mul_10_0"},
        ("default_lib1.c", "tensor_v = (int16_t *)(void *)(arena + 384);",
         "tensor_v = (int16_t *)(void *)(arena + 192);"),
    ),
    "two inputs overlap": (
        "input_overwritten", {"pairs": "dequantizelinear_6_0"},
        ("default_lib1.c", "tensor_right = (int16_t *)(void *)(arena + 96);",
         "tensor_right = (int16_t *)(void *)(arena + 48);"),
    ),
}  # fmt: skip

CASES = [(mistake, network) for mistake, row in MISTAKES.items() for network in row[1]]
#: Those that an emulated Xtensa chip makes as well.
ON_XTENSA = [
    ("no bias", "residual, per channel"),
    ("rounds down", "signals"),
    ("a layer does not run", "colours"),
]


def models_of(explanation):
    """The networks, each once however it is compiled, on which a mistake of the kind is made."""
    rows = [row for row in MISTAKES.values() if row[0] == explanation]
    made = [NETWORKS[network] for _, networks, *_ in rows for network in networks]
    return {getattr(network, "func", network).__name__ for network in made}
