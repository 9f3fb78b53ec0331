"""ONNX operators that we convert ourselves: where TVM's importer writes TIR or many small calls.

Each function takes a node and returns one Relax call that a pattern can find, or None to leave the
node to TVM's importer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax

from ..ir import shape_of
from . import rearrangement, recurrent
from .node import Node

FLOAT_MAX = 3.4028234663852886e38
# Below every norm but zero: ONNX wants zeros there, and no quotient of zeros.
SMALLEST_NORM = np.float32(2.0**-60)

Convert = Callable[[Node], Any]


def _clip(node: Node) -> Any:
    """`relax.clip` where the limits are constant: TVM's importer makes two TIR functions of it."""
    limits = []
    for position, name, open_end in ((1, "min", -math.inf), (2, "max", math.inf)):
        if node.is_computed(position):
            return None
        limit = node.constant(position)
        # Some write [6.0] for 6.0.
        limits.append(float(node.attrs.get(name, open_end) if limit is None else limit.item()))
    return relax.op.clip(node.x, *(min(max(v, -FLOAT_MAX), FLOAT_MAX) for v in limits))


def _softplus(node: Node) -> Any:
    """`relax.nn.softplus`: TVM's importer writes seven calls."""
    return relax.op.nn.softplus(node.x)


def _swish(node: Node) -> Any:
    """`relax.nn.silu`, or the product that it is; TVM's importer does not know it."""
    alpha = float(node.attrs.get("alpha", 1.0))
    if alpha == 1.0:
        return relax.op.nn.silu(node.x)
    scaled = relax.op.multiply(node.x, relax.const(alpha, "float32"))
    return relax.op.multiply(node.x, relax.op.sigmoid(scaled))


def _lp_normalization(node: Node) -> Any:
    """`x / max(norm(x), tiny)`, which TVM's importer does not know."""
    along = {"axis": [int(node.attrs.get("axis", -1)) % len(shape_of(node.x))], "keepdims": True}
    if int(node.attrs.get("p", 2)) == 1:
        norm = relax.op.sum(relax.op.abs(node.x), **along)
    else:
        norm = relax.op.sqrt(relax.op.sum(relax.op.square(node.x), **along))
    return relax.op.divide(node.x, relax.op.maximum(norm, relax.const(SMALLEST_NORM)))


def _prelu(node: Node) -> Any:
    """`relax.nn.prelu` of rows where each element behind some axis has a slope of its own."""
    slopes = node.inputs[1]
    shape, given = shape_of(node.x), shape_of(slopes)
    leading = next((n for n, extent in enumerate(given) if extent != 1), len(given))
    own = given[leading:]
    if len(own) < 2 or own != shape[len(shape) - len(own) :]:
        return None
    rows = relax.op.reshape(node.x, (-1, math.prod(own)))
    made = relax.op.nn.prelu(rows, relax.op.reshape(slopes, (-1,)), 1)
    return relax.op.reshape(made, shape)


def _of_two(operator: Callable[[Any, Any], Any]) -> Convert:
    """Of two tensors, of which TVM's importer makes a stack and a reduction; others it keeps."""

    def convert(node: Node) -> Any:
        return operator(*node.inputs) if len(node.inputs) == 2 else None

    return convert


CONVERTERS: dict[str, Convert] = {
    "Clip": _clip,
    "LpNormalization": _lp_normalization,
    "Max": _of_two(relax.op.maximum),
    "Min": _of_two(relax.op.minimum),
    "PRelu": _prelu,
    "Softplus": _softplus,
    "Sum": _of_two(relax.op.add),
    "Swish": _swish,
    **rearrangement.CONVERTERS,
    **recurrent.CONVERTERS,
}
