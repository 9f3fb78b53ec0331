"""Glue that is wrong in one place each, to see that the double notices."""

import shutil
from dataclasses import dataclass

from espdl_double import GLUE


@dataclass(frozen=True)
class Mutation:
    """One place of the glue's text, and what stands there instead."""

    #: For a chip of this family.
    family: str
    #: The file that is changed.
    file: str
    #: What stands there once, and what then.
    old: str
    new: str
    #: In the double's message; "" where it computes something else.
    refusal: str
    #: The sources that are compiled again, without `espdl_` and ending.
    sources: tuple

    def __str__(self):
        return f"{self.family}-{self.old}"


def _of(file, *sources):
    """Mutations of one file, whose text `sources` is or include."""

    def made(family, old, new, refusal=""):
        return Mutation(family, file, old, new, refusal, sources)

    return made


_convolution = _of("espdl_convolution.hpp", "conv2d", "depthwise_conv2d")
_elementwise = _of("espdl_elementwise.hpp", "add", "less", "mul")
_pool = _of("espdl_max_pool2d.cpp", "max_pool2d")
_requantize = _of("espdl_requantize.cpp", "requantize")
_prelu = _of("espdl_prelu.cpp", "prelu")
_resize = _of("espdl_resize_nearest.cpp", "resize_nearest")
_lut = _of("espdl_lut.cpp", "lut")
_clip = _of("espdl_clip.cpp", "clip")
_matmul = _of("espdl_matmul.cpp", "matmul")
_mul = _of("espdl_mul.cpp", "mul")

MUTATIONS = [
    _convolution(
        "pie_v1",
        "filter_element = weights;",
        "filter_element = weights + 1;",
        "filter_element is 1",
    ),
    _convolution("c", "filter_element = weights;", "filter_element = weights + 1;"),
    _convolution(
        *("pie_v2", "filter_element = weights;", "filter_element = weights + lanes;"),
        refusal="filter_element_unaligned - filter_element",
    ),
    _convolution("pie_v1", "if (d.bias != nullptr) {", "if (d.slice_channels < 0) {"),
    _convolution(
        "pie_v2", "mac_shift = d.shift;", "mac_shift = -d.shift;", "mac_shift is negative"
    ),
    _convolution("c", "mac_shift = d.shift;", "mac_shift = -d.shift;"),
    _convolution("pie_v2", "mac_shift = INT_MIN;", "mac_shift = 0;"),
    _convolution(
        "pie_v1",
        "padding_h_tail =\n      tail_padding(",
        "padding_h_tail =\n      0 * tail_padding(",
        "window does not fit|output extent",
    ),
    _convolution(
        "c",
        "padding_w_tail =\n      tail_padding(",
        "padding_w_tail =\n      0 * tail_padding(",
        "window does not fit|output extent",
    ),
    _convolution("pie_v2", "d.relu ? dl::ReLU : dl::Linear", "dl::Linear"),
    _convolution(
        *("pie_v1", "activation_shift = d.relu ? 0 : -1;", "activation_shift = -1;"),
        refusal="activation_shift is -1, expected 0",
    ),
    _convolution(
        "pie_v1",
        "d.output_width * d.output_pitch;\n  args.output_x_offset = d.output_pitch;",
        "d.output_width * (d.output_pitch + 1);\n  args.output_x_offset = d.output_pitch + 1;",
        "not at multiples of 16 bytes|output_element",
    ),
    _convolution("pie_v2", "channels / lanes - 1;", "channels / lanes;", "c_div_x_1"),
    _convolution(
        "pie_v1", "n_remainder = slice.count % lanes;", "n_remainder = 0;", "n_remainder|unal"
    ),
    _convolution("pie_v1", "output_element = y + slice.first;", "output_element = y;"),
    _convolution(
        *("pie_v2", "output_channel = slice.count;", "output_channel = d.output_channels;"),
        refusal="n_div_x|overlap|outside of its",
    ),
    _convolution("c", "(d.filter) + slice.first * of_channel;", "(d.filter);"),
    _convolution("pie_v1", "(d.bias) + slice.first;", "(d.bias);"),
    _convolution("pie_v2", "(d.channel_shifts) + slice.first);", "(d.channel_shifts));"),
    _convolution("pie_v2", "left < d.slice_channels;", "left > d.slice_channels;", "overlap|out"),
    _convolution(
        "pie_v2", "c_remainder = channels % lanes * bytes;", "c_remainder = 0;", "c_remainder is 0"
    ),
    _convolution("pie_v1", "depthwise && kVectors ? kVectorBytes : 0;", "0;", "filter_y_offset"),
    _convolution(
        "pie_v2",
        "xtensa_dilation_y_offset_stable = tap_y;",
        "xtensa_dilation_y_offset_stable = row;",
        "xtensa_dilation_y_offset_stable",
    ),
    _convolution("pie_v1", "kVectorBytes - ((", "0 - ((", "tie_depth2d_next_hwx1"),
    _convolution(
        "c",
        "filter_n_offset_c = taps * channels;",
        "filter_n_offset_c = taps;",
        "filter_n_offset_c",
    ),
    _elementwise("pie_v2", "c_left_x_1 = vectors -", "c_left_x_1 = -", "c_left_x_1"),
    _elementwise("pie_v1", "compare_mask = 1;", "compare_mask = 0;", "compare_mask is 0"),
    _elementwise("c", "dims = d.rank;", "dims = 4;", "extent 1 is not merged"),
    _elementwise(
        "pie_v1",
        "input1_d2_stride = step_after(n, t, 1);",
        "input1_d2_stride = t[1];",
        "stride is neither 0|outside of its tensors",
    ),
    _elementwise(
        "pie_v2",
        "input0_element = unconst(a);",
        "input0_element = unconst(a) + 1;",
        "input0_element is 1",
    ),
    _mul("pie_v1", "mul_shift = d.shift;", "mul_shift = -d.shift;", "mul_shift is out of range"),
    _mul("pie_v2", "output_rescale = d.scale;", "output_rescale = 1.0f;"),
    _matmul("pie_v1", "if (matrix != packed) {", "if (packed == nullptr) {"),
    _matmul("pie_v2", "to[(n - full) * depth + k]", "to[k * (columns - full) + n - full]"),
    _pool(
        "c", "in_padding <= axis.output &&", "in_padding < 1000 ||", "leading padding|tail padding"
    ),
    _pool("pie_v1", "c_remainder = d.channels % lanes * bytes;", "c_remainder = 0;", "c_remainder"),
    _requantize(
        "pie_v1",
        "? espdl::factor_of(d.shift) : -1;",
        "? espdl::factor_of(d.shift) : 1;",
        "output_scale is neither -1",
    ),
    _requantize(
        "pie_v2",
        "size / espdl::kLanes<Y>;",
        "size / espdl::kLanes<Y> + 1;",
        "in_size_remainder|outside of its",
    ),
    _prelu("pie_v1", "c_rs1_1 = vectors >= 2 ?", "c_rs1_1 = vectors >= 0 ?", "c_rs1_1"),
    _prelu(
        "pie_v2", "output_scale = espdl::factor_of(d.change);", "output_scale = 0;", "output_scale"
    ),
    _resize("pie_v2", "dl_esp32p4_cfg_round(ROUND_MODE_HALF_EVEN);", ""),
    _resize("pie_v1", "args.c_remainder == 0 &&", "", "_ptr is|c_remainder"),
    _clip("pie_v1", "strip.move(down + up);", "strip.move(up);"),
    _clip("pie_v1", "strip.move(-up);", ""),
    _clip("pie_v1", "first < size; first += strip", "first < size; first += size", "in place"),
    _clip("pie_v2", "strip.with(dl::base::elemwise_min, limits.high);", ""),
    _clip("pie_v2", "d.shift == 0 && binds", "d.shift >= 0 && binds"),
    _clip("pie_v1", "bool binds = limits.low >", "bool binds = limits.low >=", "in place"),
    _lut("pie_v2", "1 << d->shift", "1 << (d->shift + 1)"),
]


def mutated(mutation, folder):
    """The sources of a wrong glue, in a copy of it in `folder`."""
    copy = folder / "glue"
    shutil.copytree(GLUE, copy)
    text = (copy / mutation.file).read_text()
    assert text.count(mutation.old) == 1, f"{text.count(mutation.old)} times: {mutation.old}"
    (copy / mutation.file).write_text(text.replace(mutation.old, mutation.new))
    return [copy / f"espdl_{source}.cpp" for source in mutation.sources]
