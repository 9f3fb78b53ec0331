"""Convolutions and gemm as nodes: filters go into the chip's own layout, biases are checked.

Source: ESP-DL `dl/module/include/dl_module_{conv,gemm}.hpp`.
"""

from __future__ import annotations

import numpy as np

from ...ops.base.convolution import Convolution
from ...ops.base.packing import pack_filter
from ...ops.base.rounding import Array
from ...ops.conv1d import Conv1d
from ...ops.conv2d import Conv2d
from ...ops.depthwise_conv1d import DepthwiseConv1d
from ...ops.depthwise_conv2d import DepthwiseConv2d
from ...ops.gemm import Gemm
from ..draft import Setting
from ..step_view import Emitters, StepView

ACTIVATIONS = {"linear": "Linear", "relu": "Relu"}


def convolution(step: StepView) -> None:
    """Conv, of all channels or of each; a signal has attributes for its columns only."""
    operator: Convolution = step.operator
    filter_ = step.constants[0]
    depthwise = isinstance(operator, (DepthwiseConv1d, DepthwiseConv2d))
    spatial = filter_.ndim - 2
    if depthwise and len(filter_) == 1:
        step.refuse(
            "a depthwise convolution of one channel, which the runtime takes for a full one"
        )
    # Nominal: rows, columns, input channels, output channels; depthwise: ..., channels, 1.
    channels = (len(filter_), 1) if depthwise else (filter_.shape[1], len(filter_))
    top, left, bottom, right = operator.pads
    settings: dict[str, Setting] = {
        "activation": ACTIVATIONS[operator.activation],
        "dilations": operator.dilations[-spatial:],
        "group": len(filter_) if depthwise else 1,
        "kernel_shape": filter_.shape[2:],
        "pads": (left, right) if spatial == 1 else operator.pads,
        "strides": operator.strides[-spatial:],
    }
    if spatial == 1 and (top, bottom) != (0, 0):
        step.refuse("a signal that is padded above or below", operator.pads)
    image_filter = filter_.reshape(*filter_.shape[:2], -1, filter_.shape[-1])
    name = step.constant(
        "filter",
        pack_filter(step.chip, image_filter, depthwise=depthwise),
        (*filter_.shape[2:], *channels),
        operator.w.exponent,
        layout=layout_name(step, filter_, spatial, depthwise=depthwise),
    )
    inputs = [step.operand(0), name, *_bias(step, depthwise=depthwise)]
    step.node("Conv", inputs, settings)


def layout_name(step: StepView, filter_: Array, spatial: int, *, depthwise: bool) -> str:
    """The name of a filter's layout: by it, people and readers know the family of chips."""
    space = "HW" if spatial == 2 else "W"
    lanes = step.chip.lanes(str(filter_.dtype))
    if not lanes:
        return f"{space}CN" if depthwise else f"N{space}C"
    aligned = "" if len(filter_) % lanes == 0 else "_UNALIGNED"
    return f"(N/{lanes}){space}C{lanes}{aligned}"


def _bias(step: StepView, *, depthwise: bool) -> list[str]:
    """The bias' name, where there is one.

    Raises
    ------
    ModelError
        If a value needs more bits than the kernel keeps of it: it would wrap around.
    """
    operator = step.operator
    if operator.b is None:
        return []
    bias, dtype = step.constants[1], operator.x.dtype
    lanes = step.chip.lanes(dtype)
    full = len(bias) if depthwise else len(bias) // lanes * lanes if lanes else 0
    for part, in_lanes in ((bias[:full], True), (bias[full:], False)):
        bits = step.chip.bias_bits(dtype, in_lanes=in_lanes)
        limit = 1 << (bits - 1)
        if part.size and not -limit <= int(part.min()) <= int(part.max()) < limit:
            widest = max(part.tolist(), key=abs)
            step.refuse(
                "a bias does not fit the register that the chip keeps it in",
                found=widest,
                allowed=f"{bits} bits: {-limit} to {limit - 1}",
            )
    return [step.constant("bias", bias, None, operator.b.exponent)]


def gemm(step: StepView) -> None:
    """Gemm with a constant matrix, stored like the filter of a 1x1 convolution."""
    operator: Gemm = step.operator
    filter_ = np.ascontiguousarray(step.constants[0].T)[:, :, None, None]
    matrix = step.constant(
        "matrix",
        pack_filter(step.chip, filter_, depthwise=False),
        (1, 1, *operator.w.shape),
        operator.w.exponent,
        layout=layout_name(step, filter_, 2, depthwise=False),
    )
    inputs = [step.operand(0), matrix, *_bias(step, depthwise=False)]
    settings: dict[str, Setting] = {"activation": ACTIVATIONS[operator.activation]}
    step.node("Gemm", inputs, {**settings, "alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0})


EMITTERS: Emitters = {
    Conv1d: convolution,
    Conv2d: convolution,
    DepthwiseConv1d: convolution,
    DepthwiseConv2d: convolution,
    Gemm: gemm,
}
