"""Conv, Gemm and MatMul: filters come out of the chip's layout, 8-bit weights of 16-bit data widen.

Source: ESP-DL `dl/module/include/dl_module_{conv,gemm,matmul}.hpp`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.base.weighted import BIAS_DTYPE
from ...ops.base.window import output_extent
from ...ops.conv1d import Conv1d
from ...ops.conv2d import Conv2d
from ...ops.depthwise_conv1d import DepthwiseConv1d
from ...ops.depthwise_conv2d import DepthwiseConv2d
from ...ops.gather import Gather
from ...ops.gemm import Gemm
from ...ops.matmul import Matmul
from ...ops.reshape import Reshape
from ..filters import matrix_order, unpack_filter, unpack_matrices
from ..network import Call, Operand
from ..node_view import NodeView

ACTIVATIONS = {"Linear": "linear", "Relu": "relu"}
PACKED = "packed"


class _Source(NamedTuple):
    """A value, and how its other forms are called."""

    name: str
    tensor: Tensor
    what: str


def conv(node: NodeView) -> list[Call]:
    """A convolution over one or two dimensions, of all channels or of each."""
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
    depthwise = group > 1
    weights, w = _filter(node, spatial, channels, depthwise)
    constants, b = _with_bias(node, weights, x, len(weights))
    strides = _pair(node.list("strides", spatial, 1, least=1))
    dilations = _pair(node.list("dilations", spatial, 1, least=1))
    pads = _pads(node.list("pads", 2 * spatial, 0))
    kernel, size = _pair(weights.shape[2:]), _pair(x.shape[1:-1])
    extent = output_extent(size, kernel, pads, strides, dilations)
    y = node.typed((x.shape[0], *extent[2 - spatial :], len(weights)))
    kinds = ((Conv1d, DepthwiseConv1d), (Conv2d, DepthwiseConv2d))
    kind = kinds[spatial - 1][depthwise]
    operator = kind(x, w, b, y, pads, strides, dilations, _activation(node))
    return [node.call(operator, [node.name()], constants)]


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns; a signal has one row."""
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def _pads(values: tuple[int, ...]) -> tuple[int, int, int, int]:
    if len(values) == 2:
        return (0, values[0], 0, values[1])
    return (values[0], values[1], values[2], values[3])


def _activation(node: NodeView) -> str:
    activation = node.string("activation", "Linear")
    if activation not in ACTIVATIONS:
        node.refuse("a fused activation", activation, ", ".join(ACTIVATIONS))
    return ACTIVATIONS[activation]


def _lanes(node: NodeView) -> int:
    """Output channels in a block of a filter: by the data's width, not the filter's."""
    return node.chip.lanes("int8" if node.quant_type == "S8" else "int16")


def _filter(node: NodeView, spatial: int, channels: int, depthwise: bool) -> tuple[Array, Tensor]:
    """The filter in OIHW (OIW), of the data's type."""
    stored = node.stored(1)
    dims = stored.dims
    if len(dims) != spatial + 2 or min(dims) < 1:
        node.refuse("a filter of other dimensions", dims, f"{spatial + 2} dimensions")
    # Nominal: rows, columns, input channels, output channels; depthwise: ..., channels, 1.
    inputs, outputs = (dims[-1], dims[-2]) if depthwise else (dims[-2], dims[-1])
    if inputs != (1 if depthwise else channels) or (depthwise and outputs != channels):
        node.refuse("a filter that does not fit the data", dims, f"{channels} channels")
    rows, columns = _pair(dims[:spatial])
    shape = (outputs, inputs, rows, columns)
    filter_ = unpack_filter(stored.flat(), shape, _lanes(node), depthwise=depthwise)
    weights = _widened(filter_.reshape(outputs, inputs, *dims[:spatial]), node.tensor().dtype)
    return weights, Tensor(str(weights.dtype), weights.shape, node.exponent(stored))


def _widened(weights: Array, dtype: str) -> Array:
    """8-bit weights of 16-bit data (W8A16) as 16-bit ones: the same products."""
    return weights.astype(dtype) if (str(weights.dtype), dtype) == ("int8", "int16") else weights


def _with_bias(
    node: NodeView, weights: Array, x: Tensor, outputs: int
) -> tuple[list[Array], Tensor | None]:
    """The constants of a call, and the bias' type."""
    if not node.has(2):
        return [weights], None
    stored = node.stored(2)
    bias = stored.flat().astype(stored.dtype)
    if bias.size != outputs:
        node.refuse("a bias that does not fit the filter", stored.dims, f"({outputs},)")
    wide = BIAS_DTYPE.get(x.dtype, "int32")
    if bias.dtype.kind == "i" and bias.dtype.itemsize < np.dtype(wide).itemsize:
        bias = bias.astype(wide)
    return [weights, bias], Tensor(str(bias.dtype), bias.shape, node.exponent(stored))


def gemm(node: NodeView) -> list[Call]:
    """A product with a constant matrix, which is stored like the filter of a 1x1 convolution."""
    if node.integer("transA", 0) or node.integer("transB", 0):
        node.refuse("a transposed factor", allowed="transA=0, transB=0")
    for scale in ("alpha", "beta"):
        if node.real(scale, 1.0) != 1.0:
            node.refuse(f"a factor {scale}", node.real(scale, 1.0), 1.0)
    stored = node.stored(1)
    if len(stored.dims) not in (2, 4) or math.prod(stored.dims[:-2]) != 1:
        node.refuse("a matrix of other dimensions", stored.dims, "(1, 1, rows, columns)")
    return _constant_product(node, stored.dims[-2:], bias=True)


def _constant_product(node: NodeView, shape: tuple[int, ...], *, bias: bool) -> list[Call]:
    x, stored = node.tensor(), node.stored(1)
    if not x.shape or x.shape[-1] != shape[0]:
        node.refuse("a matrix that does not fit the data", shape, f"{x.shape[-1:]} rows")
    matrix = _widened(unpack_matrices(stored.flat(), shape, _lanes(node)), x.dtype)
    matrix = matrix.astype(matrix.dtype.newbyteorder("="))
    w = Tensor(str(matrix.dtype), matrix.shape, node.exponent(stored))
    constants, b = _with_bias(node, matrix, x, shape[1]) if bias else ([matrix], None)
    y = node.typed((*x.shape[:-1], shape[1]))
    return [node.call(Gemm(x, w, b, y, _activation(node)), [node.name()], constants)]


def matmul(node: NodeView) -> list[Call]:
    """A product of two tensors; the right one is stored packed unless the node says otherwise."""
    a, b = node.tensor(0), node.tensor(1)
    if node.is_constant(0) or not a.shape or not b.shape:
        node.refuse("a matrix product of a computed tensor with another")
    if node.is_constant(1) and _is_packed(node) and len(b.shape) == 2:
        return _constant_product(node, b.shape, bias=False)
    matrix_a = a.shape if len(a.shape) > 1 else (1, *a.shape)
    matrix_b = b.shape if len(b.shape) > 1 else (*b.shape, 1)
    if matrix_a[-1] != matrix_b[-2]:
        node.refuse("matrices that do not fit", f"{a.shape} and {b.shape}")
    calls: list[Call] = []
    left = _reshaped(node, calls, _Source(node.name(0), a, "rows"), matrix_a)
    right = _right_factor(node, calls, b, matrix_b)
    try:
        batch = np.broadcast_shapes(matrix_a[:-2], matrix_b[:-2])
    except ValueError:
        node.refuse("batches that do not fit", f"{a.shape} and {b.shape}")
    result = (*batch, matrix_a[-2], matrix_b[-1])
    shape = (*batch, *a.shape[-2:-1], *matrix_b[-1:][: len(b.shape) - 1])
    stated = node.typed(shape or (1,))
    shape, y = stated.shape, dataclasses.replace(stated, shape=result)
    operator = Matmul(
        dataclasses.replace(a, shape=matrix_a),
        dataclasses.replace(b, shape=matrix_b, dtype=_data_type(a, b)),
        y,
        _activation(node),
    )
    if result == shape:
        return [*calls, node.call(operator, [left, right])]
    product = f"{node.output()}_product"
    calls.append(node.call(operator, [left, right], output=product))
    return [*calls, node.call(Reshape(y, stated), [product])]


def _is_packed(node: NodeView) -> bool:
    return node.string("input1_layout", PACKED) == PACKED


def _data_type(a: Tensor, b: Tensor) -> str:
    return a.dtype if (b.dtype, a.dtype) == ("int8", "int16") else b.dtype


def _reshaped(node: NodeView, calls: list[Call], source: _Source, shape: tuple[int, ...]) -> str:
    """The name of a value under another shape."""
    if source.tensor.shape == shape:
        return source.name
    result = f"{node.output()}_{source.what}"
    operator = Reshape(source.tensor, dataclasses.replace(source.tensor, shape=shape))
    calls.append(node.call(operator, [source.name], output=result))
    return result


def _right_factor(node: NodeView, calls: list[Call], b: Tensor, shape: tuple[int, ...]) -> Operand:
    """The right factor in row-major order; a computed one is gathered out of the chip's layout."""
    lanes = _lanes(node)
    packed = _is_packed(node)
    if node.is_constant(1):
        stored = node.stored(1).flat()
        array = unpack_matrices(stored, shape, lanes) if packed else stored.reshape(shape)
        return _widened(array, node.tensor().dtype).astype(_data_type(node.tensor(), b))
    name = node.name(1)
    order = matrix_order(shape, lanes)
    if not packed or (order == np.arange(order.size)).all():
        return _reshaped(node, calls, _Source(name, b, "columns"), shape)
    flat = dataclasses.replace(b, shape=(order.size,))
    name = _reshaped(node, calls, _Source(name, b, "packed"), flat.shape)
    unpacked = f"{node.output()}_unpacked"
    gather = Gather(flat, Tensor("int64", order.shape), flat, 0)
    calls.append(node.call(gather, [name], [order.astype(np.int64)], output=unpacked))
    return _reshaped(node, calls, _Source(unpacked, flat, "columns"), shape)


TRANSLATORS = {"Conv": conv, "Gemm": gemm, "MatMul": matmul}
