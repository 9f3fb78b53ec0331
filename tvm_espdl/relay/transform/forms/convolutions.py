"""Paddings in front of a convolution become its own; transposed convolutions become plain ones.

Zeros padded around an image go into a convolution only where the kernel of the chip takes the
padding: less than the filter on every side, and with a stride an image that holds the filter
without the padding behind it. ESP-DL has no transposed convolution; ESP-PPQ writes InsertZeros and
Conv with the filter turned, and so does this pass: products with zeros are left out or zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import relax

from ....ops import Tensor
from ....ops.base.rounding import Array
from ... import qdq
from ...ir import array_of, name_of, shape_of
from .graph import Graph, Site, dequantized_constant, form, same_quantization

# By the rank of the image.
CONVOLUTIONS = {3: relax.op.nn.conv1d, 4: relax.op.nn.conv2d}
TRANSPOSED = ("relax.nn.conv1d_transpose", "relax.nn.conv2d_transpose")


@form("relax.nn.conv2d")
def absorb_paddings(site: Site) -> Any:
    """Fold constant zero padding of rows and columns into the convolution that reads it."""
    graph, value = site.graph, site.value
    pad = _pad(graph, value.args[0])
    pads = None if pad is None else _both(pad, value)
    if pads is None or not _fits(pad, value, pads):
        return None
    source = graph.dequantized(pad.args[0])
    image = site.dequantized(site.expr(source.args[0]), source)
    strides = [int(s) for s in value.attrs.strides]
    return _convolution(site, image, site.expr(value.args[1]), padding=pads, strides=strides)


@form(*TRANSPOSED)
def spell_transposed_convolutions(site: Site) -> Any:
    """Rewrite each transposed convolution of quantized data and weights, where both allow it."""
    graph, value = site.graph, site.value
    x, w = graph.dequantized(value.args[0]), graph.weights(value.args[1])
    if x is None or w is None:
        return None
    turned = _turned_filter(graph, w, value)
    pads = _pads(value, shape_of(w))
    if turned is None or min(pads) < 0:
        return None
    name = name_of(graph.value(x.args[0])) or str(getattr(x.args[0], "name", "image"))
    image = _with_zeros(site, x, f"{name}_apart")
    return _convolution(site, image, site.emit(turned), padding=pads)


def _convolution(site: Site, image: Any, w: Any, **attributes: Any) -> Any:
    """A convolution in place of the call at a site, with the same dilation and groups."""
    attrs, function = site.value.attrs, CONVOLUTIONS[len(shape_of(image))]
    attributes |= {"dilation": [int(d) for d in attrs.dilation], "groups": int(attrs.groups)}
    return site.result(function(image, w, **attributes))


def _pad(graph: Graph, image: Any) -> Any:
    """The pad call that computes an image, quantized at the scale of what it pads or not at all."""
    dequantize = graph.dequantized(image)
    if dequantize is not None:
        quantize = graph.call(dequantize.args[0], qdq.QUANTIZE)
        if quantize is None or not same_quantization(quantize, dequantize):
            return None
        image = quantize.args[0]
    pad = graph.call(image, "relax.nn.pad")
    source = None if pad is None else graph.dequantized(pad.args[0])
    if source is None or (dequantize is not None and not same_quantization(source, dequantize)):
        return None
    return pad


def _both(pad: Any, conv: Any) -> tuple[int, ...] | None:
    """Top, left, bottom, right of both paddings together; None where it is not one of zeros."""
    widths = [int(n) for n in pad.attrs.pad_width]
    constant = str(pad.attrs.pad_mode) == "constant" and float(pad.attrs.pad_value) == 0
    if not constant or len(widths) != 8 or any(widths[:4]) or min(widths) < 0:
        return None
    added = (widths[4], widths[6], widths[5], widths[7])
    own = [int(p) for p in conv.attrs.padding]
    return tuple(a + b for a, b in zip(added, own, strict=True))


def _fits(pad: Any, conv: Any, pads: tuple[int, ...]) -> bool:
    attrs, size, kernel = conv.attrs, shape_of(pad.args[0])[2:], shape_of(conv.args[1])[2:]
    for axis in (0, 1):
        extent = int(attrs.dilation[axis]) * (kernel[axis] - 1) + 1
        if max(pads[axis], pads[axis + 2]) >= extent:
            return False
        if int(attrs.strides[axis]) > 1 and size[axis] + pads[axis] < extent:
            return False
    return True


def _pads(call: Any, filter_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Padding of the convolution: what the filter spans beyond one tap, less the padding here."""
    attrs = call.attrs
    extents = [(n - 1) * int(d) for n, d in zip(filter_shape[2:], attrs.dilation, strict=True)]
    return tuple(extent - int(pad) for extent, pad in zip(extents * 2, attrs.padding, strict=True))


def _turned_filter(graph: Graph, w: Any, call: Any) -> Any:
    """The filter with taps in reverse order, output channels first; None for odd exponents."""
    array: Array = array_of(graph.value(w.args[0]))
    groups, exponent = int(call.attrs.groups), qdq.exponent_of(w)
    channel_axis = 0 if groups == array.shape[0] and array.shape[1] == 1 else 1
    if isinstance(exponent, tuple) and groups > 1 and channel_axis == 1:
        return None
    inputs, outputs, *taps = array.shape
    of_groups = array.reshape(groups, inputs // groups, outputs, *taps).swapaxes(1, 2)
    array = of_groups.reshape(groups * outputs, inputs // groups, *taps)
    if isinstance(exponent, tuple) and int(w.attrs.axis) % array.ndim != channel_axis:
        return None
    array = np.ascontiguousarray(np.flip(array, tuple(range(2, array.ndim))))
    return dequantized_constant(array, Tensor(str(array.dtype), array.shape, exponent))


def _with_zeros(site: Site, x: Any, name: str) -> Any:
    """The image with its pixels moved apart, at its own scale, called `name`."""
    call, image = site.value, site.expr(site.value.args[0])
    strides = [int(s) for s in call.attrs.strides]
    tail = [int(n) for n in call.attrs.output_padding]
    if set(strides) == {1} and not any(tail):
        return image
    fixed, extents = shape_of(image)[:2], shape_of(image)[2:]
    size = [(n - 1) * s + 1 + more for n, s, more in zip(extents, strides, tail, strict=True)]
    split = relax.op.reshape(image, (*fixed, *(m for n in extents for m in (n, 1))))
    widths = [0] * 4 + [width for s in strides for width in (0, 0, 0, s - 1)]
    apart = relax.op.nn.pad(site.emit(split), widths)
    whole = (*fixed, *(n * s for n, s in zip(extents, strides, strict=True)))
    joined = site.emit(relax.op.reshape(site.emit(apart), whole))
    axes = list(range(2, 2 + len(extents)))
    cut = relax.op.strided_slice(joined, axes, [0] * len(axes), size)
    return site.dequantized(site.quantized(site.emit(cut), x, name), x)
