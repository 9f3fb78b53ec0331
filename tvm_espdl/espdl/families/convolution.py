"""Conv over one or two dimensions, of all channels or of each.

Source: ESP-DL `dl/module/include/dl_module_conv.hpp`.
"""

from __future__ import annotations

from ...ops.base.convolution import Convolution
from ...ops.base.window import output_extent
from ...ops.conv1d import Conv1d
from ...ops.conv2d import Conv2d
from ...ops.depthwise_conv1d import DepthwiseConv1d
from ...ops.depthwise_conv2d import DepthwiseConv2d
from ..draft import Setting
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from ..weights import (
    ACTIVATIONS,
    activation_of,
    add_bias,
    add_filter,
    bias_of,
    filter_of,
    weights_type,
)
from ..windows import pads_of, pair, steps_of, window_settings

KINDS = ((Conv1d, DepthwiseConv1d), (Conv2d, DepthwiseConv2d))


def read(node: NodeView) -> None:
    """Its kind is decided by the dimensions of the data and the groups."""
    x = node.tensor()
    spatial = len(x.shape) - 2
    if spatial not in (1, 2):
        node.refuse("a convolution over one or two dimensions", x.shape)
    channels = x.shape[-1]
    group = node.integer("group", 1)
    if group not in (1, channels):
        node.refuse(
            "a convolution in groups",
            found=f"group {group} of {channels} channels",
            allowed=f"1 or {channels}",
            try_="export the model with a split, convolutions and a concat",
        )
    weights = filter_of(node, spatial, channels, depthwise=group > 1)
    bias, b = bias_of(node, len(weights))
    strides, dilations = (steps_of(node, name, spatial) for name in ("strides", "dilations"))
    pads, kernel, size = pads_of(node, spatial), pair(weights.shape[2:]), pair(x.shape[1:-1])
    extent = output_extent(size, kernel, pads, strides, dilations)
    y = node.typed((x.shape[0], *extent[2 - spatial :], len(weights)))
    kind, w = KINDS[spatial - 1][group > 1], weights_type(node, weights)
    operator = kind(x, w, b, y, pads, strides, dilations, activation_of(node))
    node.call(operator, [node.name()], [weights, *bias])


def write(step: StepView) -> None:
    """A signal has attributes for its columns only."""
    operator: Convolution = step.operator
    filter_ = step.constants[0]
    depthwise, spatial = isinstance(operator, (DepthwiseConv1d, DepthwiseConv2d)), filter_.ndim - 2
    if depthwise and len(filter_) == 1:
        step.refuse(
            "a depthwise convolution of one channel, which the runtime takes for a full one"
        )
    settings: dict[str, Setting] = {
        "activation": ACTIVATIONS[operator.activation],
        "dilations": operator.dilations[-spatial:],
        "group": len(filter_) if depthwise else 1,
        "kernel_shape": filter_.shape[2:],
        **window_settings(step, spatial),
    }
    name = add_filter(step, filter_, depthwise=depthwise)
    inputs = [step.operand(0), name, *add_bias(step, depthwise=depthwise)]
    step.node("Conv", inputs, settings)


READERS: Readers = {"Conv": read}
WRITERS: Writers = {kind.name: write for kinds in KINDS for kind in kinds}
