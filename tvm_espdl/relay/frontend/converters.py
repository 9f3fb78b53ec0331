"""ONNX operators that we convert ourselves: where TVM's importer writes TIR or many small calls.

Each function takes a node and returns one Relax call that a pattern can find, or None to leave the
node to TVM's importer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax

from ..ir import dtype_of, shape_of
from . import corrected, rearrangement, recurrent
from .node import Node

# Below every norm but zero: ONNX wants zeros there, and no quotient of zeros.
SMALLEST_NORM = np.float32(2.0**-60)

Convert = Callable[[Node], Any]


def _clip(node: Node) -> Any:
    """`relax.clip` where the limits are constant: TVM's importer makes two TIR functions of it.

    Where the lower limit is above the upper one, ONNX gives the upper one.
    """
    dtype = np.dtype(dtype_of(node.x))
    ends = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    limits = []
    for position, name, end in ((1, "min", ends.min), (2, "max", ends.max)):
        if node.is_computed(position):
            return None
        limit = node.constant(position)
        # Some write [6.0] for 6.0.
        value = node.attrs.get(name, end) if limit is None else limit.item()
        limits.append(min(max(value, ends.min), ends.max))
    low, high = min(limits), limits[1]
    if dtype.kind in "iu":
        bounded = relax.op.maximum(node.x, relax.const(np.asarray(low, dtype)))
        return relax.op.minimum(bounded, relax.const(np.asarray(high, dtype)))
    return relax.op.clip(node.x, float(low), float(high))


def _softplus(node: Node) -> Any:
    """`relax.nn.softplus`: TVM's importer writes seven calls; halves go in float32."""
    if dtype_of(node.x) == "float16":
        wide = relax.op.astype(node.x, "float32")
        return relax.op.astype(relax.op.nn.softplus(wide), "float16")
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
    "Softplus": _softplus,
    "Sum": _of_two(relax.op.add),
    "Swish": _swish,
    **corrected.CONVERTERS,
    **rearrangement.CONVERTERS,
    **recurrent.CONVERTERS,
}
