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
from ....ops.base.rounding import Array
from ... import qdq
from ...ir import Rebuilder, array_of, main_of, name_of, named, op_name, shape_of
from .graph import Graph, dequantized_constant, emit_dequantized, emit_quantized, rewritten

# What each transposed convolution becomes.
CONVOLUTIONS = {
    "relax.nn.conv1d_transpose": relax.op.nn.conv1d,
    "relax.nn.conv2d_transpose": relax.op.nn.conv2d,
}


def spell_transposed_convolutions(mod: tvm.IRModule) -> tvm.IRModule:
    """Rewrite each transposed convolution of quantized data and weights, where both allow it."""
    graph = Graph(main_of(mod))

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        convolution = CONVOLUTIONS.get(op_name(value))
        if convolution is None:
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
        conv = convolution(
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
        array = array.swapaxes(0, 1)
    if isinstance(exponent, tuple) and int(w.attrs.axis) % array.ndim != channel_axis:
        return None
    array = np.ascontiguousarray(np.flip(array, tuple(range(2, array.ndim))))
    return dequantized_constant(array, Tensor(str(array.dtype), array.shape, exponent))


def _with_zeros(rebuilder: Rebuilder, image: Any, call: Any, x: Any, name: str) -> Any:
    """The image with its pixels moved apart, at its own scale, called `name`."""
    strides = [int(s) for s in call.attrs.strides]
    tail = [int(n) for n in call.attrs.output_padding]
    if set(strides) == {1} and not any(tail):
        return image
    fixed, extents = shape_of(image)[:2], shape_of(image)[2:]
    size = [(n - 1) * s + 1 + more for n, s, more in zip(extents, strides, tail, strict=True)]
    split = relax.op.reshape(image, (*fixed, *(m for n in extents for m in (n, 1))))
    widths = [0] * 4 + [width for s in strides for width in (0, 0, 0, s - 1)]
    apart = relax.op.nn.pad(rebuilder.emit(split), widths)
    whole = (*fixed, *(n * s for n, s in zip(extents, strides, strict=True)))
    joined = rebuilder.emit(relax.op.reshape(rebuilder.emit(apart), whole))
    axes = list(range(2, 2 + len(extents)))
    cut = relax.op.strided_slice(joined, axes, [0] * len(axes), size)
    quantized = emit_quantized(rebuilder, rebuilder.emit(cut), x, name)
    return emit_dequantized(rebuilder, quantized, x)
