"""Zeros padded around an image in front of a convolution become the convolution's own padding.

Only where the kernel of the chip takes the padding: less than the filter on every side, and with
a stride an image that holds the filter without the padding behind it.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from ... import qdq
from ...ir import Rebuilder, main_of, name_of, named, op_name, shape_of
from .graph import Graph, emit_dequantized, rewritten, same_quantization

CONV2D = "relax.nn.conv2d"
PAD = "relax.nn.pad"


def absorb_paddings(mod: tvm.IRModule) -> tvm.IRModule:
    """Fold constant zero padding of rows and columns into the convolution that reads it."""
    graph = Graph(main_of(mod))

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if op_name(value) != CONV2D:
            return None
        pad = _pad(graph, value.args[0])
        pads = None if pad is None else _joined(pad, value)
        if pads is None or not _fits(pad, value, pads):
            return None
        source = graph.dequantized(pad.args[0])
        integers = rebuilder.expr(source.args[0])
        conv = relax.op.nn.conv2d(
            emit_dequantized(rebuilder, integers, source),
            rebuilder.expr(value.args[1]),
            strides=[int(s) for s in value.attrs.strides],
            padding=pads,
            dilation=[int(d) for d in value.attrs.dilation],
            groups=int(value.attrs.groups),
        )
        return rebuilder.emit(named(conv, name_of(value)), str(variable.name))

    return rewritten(mod, rewrite)


def _pad(graph: Graph, image: Any) -> Any:
    """The pad call that computes an image, quantized at the scale of what it pads or not at all."""
    dequantize = graph.dequantized(image)
    if dequantize is not None:
        quantize = graph.call(dequantize.args[0], qdq.QUANTIZE)
        if quantize is None or not same_quantization(quantize, dequantize):
            return None
        image = quantize.args[0]
    pad = graph.call(image, PAD)
    source = None if pad is None else graph.dequantized(pad.args[0])
    if source is None or (dequantize is not None and not same_quantization(source, dequantize)):
        return None
    return pad


def _joined(pad: Any, conv: Any) -> tuple[int, ...] | None:
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
