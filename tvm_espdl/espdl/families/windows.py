"""Windows slid over one or two dimensions, channels last: Conv and pools.

A record has rows and columns always; a node over a signal states the columns alone. ESP-DL reads
neither `ceil_mode` nor `count_include_pad`: means divide by the whole kernel.
Source: `dl/module/include/dl_module_{conv,max_pool,average_pool,global_average_pool}.hpp`.
"""

from __future__ import annotations

from ...ops.average_pool2d import AveragePool2d
from ...ops.base.convolution import Convolution
from ...ops.base.pool import Pool
from ...ops.base.window import Pads, Pair, output_extent
from ...ops.conv1d import Conv1d
from ...ops.conv2d import Conv2d
from ...ops.depthwise_conv1d import DepthwiseConv1d
from ...ops.depthwise_conv2d import DepthwiseConv2d
from ...ops.max_pool2d import MaxPool2d
from .. import weights
from ..draft import Setting
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from ..types import Shape

CONVOLUTIONS = ((Conv1d, DepthwiseConv1d), (Conv2d, DepthwiseConv2d))
POOLS: dict[str, type[Pool]] = {"AveragePool": AveragePool2d, "MaxPool": MaxPool2d}
NO_PADS = (0, 0, 0, 0)


def _pair(values: Shape) -> Pair:
    """Rows and columns; a signal has one row."""
    rows, columns = (1, *values)[-2:]
    return rows, columns


def _sizes(node: NodeView, name: str, spatial: int) -> Pair:
    """An attribute of one size for each dimension, 1 where absent."""
    return _pair(node.list(name, spatial, 1, least=1))


def _pads(node: NodeView, spatial: int) -> Pads:
    """Top, left, bottom, right."""
    values = node.list("pads", 2 * spatial, 0)
    top, left, bottom, right = values if spatial == 2 else (0, values[0], 0, values[1])
    return top, left, bottom, right


def read_convolution(node: NodeView) -> None:
    """Its kind is decided by the dimensions of the data and the groups."""
    x = node.tensor()
    spatial, channels = len(x.shape) - 2, x.shape[-1]
    if spatial not in (1, 2):
        node.refuse("a convolution over one or two dimensions", x.shape)
    group = node.integer("group", 1)
    if group not in (1, channels):
        node.refuse(
            "a convolution in groups",
            found=f"group {group} of {channels} channels",
            allowed=f"1 or {channels}",
            try_="export the model with a split, convolutions and a concat",
        )
    filter_ = weights.filter_of(node, spatial, channels, depthwise=group > 1)
    bias, b = weights.bias_of(node, len(filter_))
    strides, dilations = (_sizes(node, name, spatial) for name in ("strides", "dilations"))
    pads, kernel, size = _pads(node, spatial), _pair(filter_.shape[2:]), _pair(x.shape[1:-1])
    extent = output_extent(size, kernel, pads, strides, dilations)
    y = node.typed((x.shape[0], *extent[2 - spatial :], len(filter_)))
    kind, w = CONVOLUTIONS[spatial - 1][group > 1], node.type_of(filter_)
    operator = kind(x, w, b, y, pads, strides, dilations, weights.activation_of(node))
    node.call(operator, [node.name()], [filter_, *bias])


def read_pool(node: NodeView) -> None:
    """A window slid over an image or a signal, or one as large as that."""
    x, kind = node.tensor(), node.node.op_type
    spatial = len(x.shape) - 2
    if spatial not in (1, 2) or x.dtype == "float32":
        node.refuse("a pool of images or signals of integers", x)
    kernel = size = _pair(x.shape[1:-1])
    strides, pads = (1, 1), NO_PADS
    if kind in POOLS:
        kernel, strides = (_sizes(node, name, spatial) for name in ("kernel_shape", "strides"))
        pads = _pads(node, spatial)
        if _sizes(node, "dilations", spatial) != (1, 1):
            node.refuse("a dilated pool", node.list("dilations", spatial, 1, least=1), "1")
    extent = output_extent(size, kernel, pads, strides, (1, 1))
    y = node.typed((x.shape[0], *extent[2 - spatial :], x.shape[-1]))
    node.call(POOLS[kind.removeprefix("Global")](x, y, kernel, pads, strides))


def _settings(step: StepView, spatial: int, kernel: Shape) -> dict[str, Setting]:
    """What all of them state; no signal is padded above or below."""
    operator: Convolution | Pool = step.operator
    top, left, bottom, right = operator.pads
    if spatial == 1 and (top, bottom) != (0, 0):
        step.refuse("a signal that is padded above or below", operator.pads)
    return {
        "kernel_shape": kernel[-spatial:],
        "pads": (left, right) if spatial == 1 else operator.pads,
        "strides": operator.strides[-spatial:],
    }


def write_convolution(step: StepView) -> None:
    """A signal has attributes for its columns only."""
    operator: Convolution = step.operator
    filter_ = step.constants[0]
    depthwise, spatial = isinstance(operator, (DepthwiseConv1d, DepthwiseConv2d)), filter_.ndim - 2
    if depthwise and len(filter_) == 1:
        step.refuse(
            "a depthwise convolution of one channel, which the runtime takes for a full one"
        )
    settings: dict[str, Setting] = {
        "activation": weights.ACTIVATIONS[operator.activation],
        "dilations": operator.dilations[-spatial:],
        "group": len(filter_) if depthwise else 1,
        **_settings(step, spatial, filter_.shape),
    }
    name = weights.add_filter(step, filter_, depthwise=depthwise)
    bias = weights.add_bias(step, depthwise=depthwise)
    step.node("Conv", [step.operand(0), name, *bias], settings)


def write_pool(step: StepView) -> None:
    """A mean over all of an image is a GlobalAveragePool."""
    operator: Pool = step.operator
    average = isinstance(operator, AveragePool2d)
    whole = operator.kernel == operator.image.shape[1:3] and not any(operator.pads)
    if average and whole and operator.strides == (1, 1):
        step.node("GlobalAveragePool")
        return
    settings = {"ceil_mode": 0, **_settings(step, len(operator.x.shape) - 2, operator.kernel)}
    if average:
        settings["count_include_pad"] = 1
    step.node("AveragePool" if average else "MaxPool", settings=settings)


READERS: Readers = {
    "Conv": read_convolution,
    **dict.fromkeys((*POOLS, *(f"Global{kind}" for kind in POOLS)), read_pool),
}
WRITERS: Writers = {
    **{kind.name: write_convolution for kinds in CONVOLUTIONS for kind in kinds},
    **{kind.name: write_pool for kind in POOLS.values()},
}
