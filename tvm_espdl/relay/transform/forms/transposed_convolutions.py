"""Transposed convolutions: zeros between the pixels, then a convolution with the filter turned.

ESP-DL has no transposed convolution; ESP-PPQ writes InsertZeros and Conv, and so does this pass.
The sums are the same: those of the products with zeros are left out or zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relax

from ....ops import Tensor
from ....ops.rounding import Array
from ... import qdq
from ...ir import Rebuilder, array_of, main_of, name_of, named, op_name, shape_of
from .graph import Graph, dequantized_constant, emit_dequantized, emit_quantized, rewritten

TRANSPOSED = "relax.nn.conv2d_transpose"


def spell_transposed_convolutions(mod: tvm.IRModule) -> tvm.IRModule:
    """Rewrite each transposed convolution of quantized data and weights, where both allow it."""
    graph = Graph(main_of(mod))

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if op_name(value) != TRANSPOSED:
            return None
        x, w = graph.dequantized(value.args[0]), graph.weights(value.args[1])
        if x is None or w is None:
            return None
        turned = _turned_filter(graph, w, value)
        pads = _pads(value, shape_of(w))
        if turned is None or min(pads) < 0:
            return None
        name = name_of(graph.value(x.args[0])) or str(getattr(x.args[0], "name", "image"))
        image = _with_zeros(rebuilder, rebuilder.expr(value.args[0]), value, x, f"{name}_apart")
        conv = relax.op.nn.conv2d(
            image,
            rebuilder.emit(turned),
            padding=pads,
            dilation=[int(d) for d in value.attrs.dilation],
            groups=int(value.attrs.groups),
        )
        return rebuilder.emit(named(conv, name_of(value)), str(variable.name))

    return rewritten(mod, rewrite)


def _pads(call: Any, filter_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Padding of the convolution: what the filter spans beyond one tap, less the padding here."""
    attrs = call.attrs
    extents = [(n - 1) * int(d) for n, d in zip(filter_shape[2:], attrs.dilation, strict=True)]
    return tuple(extent - int(pad) for extent, pad in zip(extents * 2, attrs.padding, strict=True))


def _turned_filter(graph: Graph, w: Any, call: Any) -> Any:
    """The filter with taps in reverse order, output channels first; None for true groups."""
    array: Array = array_of(graph.value(w.args[0]))
    groups, exponent = int(call.attrs.groups), qdq.exponent_of(w)
    channel_axis = 1
    if groups > 1:
        if groups != array.shape[0] or array.shape[1] != 1:
            return None
        channel_axis = 0
    elif groups == 1:
        array = array.transpose(1, 0, 2, 3)
    if isinstance(exponent, tuple) and int(w.attrs.axis) % 4 != channel_axis:
        return None
    array = np.ascontiguousarray(array[:, :, ::-1, ::-1])
    return dequantized_constant(array, Tensor(str(array.dtype), array.shape, exponent))


def _with_zeros(rebuilder: Rebuilder, image: Any, call: Any, x: Any, name: str) -> Any:
    """The image with its pixels moved apart, at its own scale, called `name`."""
    strides = [int(s) for s in call.attrs.strides]
    tail = [int(n) for n in call.attrs.output_padding]
    if strides == [1, 1] and tail == [0, 0]:
        return image
    batch, channels, rows, columns = shape_of(image)
    size = [
        (n - 1) * s + 1 + more for n, s, more in zip((rows, columns), strides, tail, strict=True)
    ]
    split = relax.op.reshape(image, (batch, channels, rows, 1, columns, 1))
    widths = [0] * 6 + [0, strides[0] - 1, 0, 0, 0, strides[1] - 1]
    apart = relax.op.nn.pad(rebuilder.emit(split), widths)
    whole = (batch, channels, rows * strides[0], columns * strides[1])
    joined = rebuilder.emit(relax.op.reshape(rebuilder.emit(apart), whole))
    cut = relax.op.strided_slice(joined, [2, 3], [0, 0], size)
    quantized = emit_quantized(rebuilder, rebuilder.emit(cut), x, name)
    return emit_dequantized(rebuilder, quantized, x)
