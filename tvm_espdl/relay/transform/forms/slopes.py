"""PReLUs of other shapes than one image: brought into that shape, and back.

Moving integers changes no value; the kernel reads height, width and channels of one image.
"""

from __future__ import annotations

import math
from typing import Any

from tvm import relax

from ... import qdq
from ...ir import array_of, name_of, shape_of
from .graph import Site, form


@form(qdq.QUANTIZE)
def spell_slopes(site: Site) -> Any:
    """`(leading, channels, trailing)` becomes the image `(1, channels, leading, trailing)`."""
    graph, value = site.graph, site.value
    call = graph.call(value.args[0], "relax.nn.prelu")
    x = graph.dequantized(call.args[0]) if call is not None else None
    slopes = graph.weights(graph.unshaped(call.args[1])) if call is not None else None
    if x is None or slopes is None or graph.only_reader(value.args[0]) is None:
        return None
    shape, axis = shape_of(call), int(call.attrs.axis) % len(shape_of(call))
    is_single = array_of(graph.value(slopes.args[0])).size == 1
    if is_single and qdq.quantized_dtype(x) == "int8":  # a leaky ReLU, which has any shape
        return None
    if len(shape) == 4 and shape[0] == 1 and (axis == 1 or is_single):
        return None
    leading, channels, trailing = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    name = name_of(value)

    def moved(real: Any, like: Any, what: str) -> Any:
        given = f"{name}_{what}"
        return site.dequantized(site.quantized(real, like, given, by_compiler=True), like)

    image = site.dequantized(site.expr(x.args[0]), x)
    if leading > 1:
        rows = site.emit(relax.op.reshape(image, (leading, channels, trailing)))
        turned = site.emit(relax.op.permute_dims(moved(rows, x, "rows"), (1, 0, 2)))
        image = moved(turned, x, "turned")
    image = site.emit(relax.op.reshape(image, (1, channels, leading, trailing)))
    image = moved(image, x, "image")
    vector = site.emit(relax.op.reshape(site.emit(site.expr(slopes)), (-1,)))
    result = moved(site.emit(relax.op.nn.prelu(image, vector, 1), like=call), value, "of_image")
    if leading > 1:
        turned = site.emit(relax.op.reshape(result, (channels, leading, trailing)))
        turned = moved(turned, value, "turned_back")
        result = moved(site.emit(relax.op.permute_dims(turned, (1, 0, 2))), value, "rows_back")
    return site.quantized(site.emit(relax.op.reshape(result, shape)), value)
