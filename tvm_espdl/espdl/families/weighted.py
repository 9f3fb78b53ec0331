"""Products with constant weights: Conv over one or two dimensions, channels last, and Gemm.

A record has rows and columns always; a node over a signal states the columns alone. The matrix of a
Gemm is stored like the filter of a 1x1 convolution.
Source: ESP-DL `dl/module/include/dl_module_{conv,gemm}.hpp`.
"""

from __future__ import annotations

import math

from ...ops import Tensor
from ...ops.base.convolution import Convolution
from ...ops.base.window import output_extent
from ...ops.conv1d import Conv1d
from ...ops.conv2d import Conv2d
from ...ops.depthwise_conv1d import DepthwiseConv1d
from ...ops.depthwise_conv2d import DepthwiseConv2d
from ...ops.gemm import Gemm
from ...ops.transpose import Transpose
from .. import weights
from ..draft import Setting
from ..grouped import groups
from ..node_view import NodeView, Readers
from ..parts import MOST_AT_ONCE
from ..step_view import StepView, Writers
from ..types import Operand, Shape
from .window import pads_of, pair, sizes, window_settings

CONVOLUTIONS = ((Conv1d, DepthwiseConv1d), (Conv2d, DepthwiseConv2d))


def read_convolution(node: NodeView) -> None:
    """Its kind is decided by the dimensions of the data and the groups."""
    x = node.tensor()
    spatial, channels = len(x.shape) - 2, x.shape[-1]
    if spatial not in (1, 2):
        node.refuse("a convolution over one or two dimensions", x.shape)
    group = node.integer("group", 1)
    if group < 1 or channels % group:
        node.refuse("a convolution in groups", f"group {group} of {channels} channels", "a divisor")
    filter_ = weights.filter_of(node, spatial, channels, group)
    bias, b = weights.bias_of(node, len(filter_))
    strides, dilations = (sizes(node, name, spatial) for name in ("strides", "dilations"))
    pads, kernel, size = pads_of(node, spatial), pair(filter_.shape[2:]), pair(x.shape[1:-1])
    extent = output_extent(size, kernel, pads, strides, dilations)
    y = node.typed((x.shape[0], *extent[2 - spatial :], len(filter_)))
    full, depthwise = CONVOLUTIONS[spatial - 1]
    w, kind = node.type_of(filter_), depthwise if 1 < group == channels else full
    operator = kind(x, w, b, y, pads, strides, dilations, weights.activation_of(node))
    if group == 1 or group == channels == len(filter_):
        node.call(operator, [node.name()], [filter_, *bias])
    elif not node.apart or group > MOST_AT_ONCE:
        node.refuse("a convolution in groups", f"group {group} of {channels} channels")
    else:
        node.warn(
            f"ESP-DL takes every group for one channel. Found: group {group} of {channels} "
            f"channels, {len(filter_)} filters. Here there is a convolution for each group."
        )
        node.call_parts(groups(operator, group, [filter_, *bias]), [node.name()])


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
        **window_settings(step, spatial, filter_.shape),
    }
    name = weights.add_filter(step, filter_, depthwise=depthwise)
    bias = weights.add_bias(step, depthwise=depthwise)
    step.node("Conv", [step.operand(0), name, *bias], settings)


def read_gemm(node: NodeView) -> None:
    """The matrix' leading dimensions are 1."""
    if node.integer("transB", 0):
        node.refuse("a transposed matrix, which is packed in no known way", "transB 1", 0)
    for scale in ("alpha", "beta"):
        if node.real(scale, 1.0) != 1.0:
            node.warn(
                f"ESP-DL reads no {scale}. Found: {node.real(scale, 1.0)}. The PC follows the chip."
            )
    stored = node.stored(1)
    if len(stored.dims) not in (2, 4) or math.prod(stored.dims[:-2]) != 1:
        node.refuse("a matrix of other dimensions", stored.dims, "(1, 1, rows, columns)")
    x, operand = node.tensor(), node.operand(0)
    if node.integer("transA", 0):
        if len(x.shape) != 2 or not node.apart:
            node.refuse("a transposed factor", f"transA 1 of {x.shape}", "transA=0")
        node.warn("ESP-DL transposes no factor of a gemm. Found: transA 1. Here a step does.")
        turned = f"{node.output()}_turned"
        node.call(Transpose.of(x, (1, 0)), output=turned)
        x, operand = x.permuted((1, 0)), turned
    constant_product(node, x, operand, stored.dims[-2:], bias=True)


def constant_product(
    node: NodeView, x: Tensor, operand: Operand, shape: Shape, *, bias: bool
) -> None:
    """A product of x with a constant matrix of a shape, which is a gemm whatever the node."""
    if not x.shape or x.shape[-1] != shape[0]:
        node.refuse("a matrix that does not fit the data", shape, f"{x.shape[-1:]} rows")
    matrix = weights.matrices_of(node, shape)
    w = node.type_of(matrix)
    biases, b = weights.bias_of(node, shape[1]) if bias else ([], None)
    y = node.typed((*x.shape[:-1], shape[1]))
    operator = Gemm(x, w, b, y, weights.activation_of(node))
    node.call(operator, [operand], [matrix, *biases])


def write_gemm(step: StepView) -> None:
    """The runtime reads attributes that stand for nothing here."""
    operator: Gemm = step.operator
    dims = (1, 1, *operator.w.shape)
    matrix = weights.add_matrices(step, step.constants[0], dims, operator.w)
    inputs = [step.operand(0), matrix, *weights.add_bias(step, depthwise=False)]
    nothing = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    activation = weights.ACTIVATIONS[operator.activation]
    step.node("Gemm", inputs, {"activation": activation, **nothing})


READERS: Readers = {"Conv": read_convolution, "Gemm": read_gemm}
WRITERS: Writers = {
    **{kind.name: write_convolution for kinds in CONVOLUTIONS for kind in kinds},
    Gemm.name: write_gemm,
}
