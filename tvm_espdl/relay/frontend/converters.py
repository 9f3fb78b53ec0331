"""ONNX operators that we convert ourselves: where TVM's importer writes TIR or many small calls.

Each function takes the node's inputs and attributes and returns one Relax call that a pattern can
find, or None to leave the node to TVM's importer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tvm import relax

from ..ir import array_of, is_constant
from . import extremes, norm, placement, rearrangement, recurrent

FLOAT_MAX = 3.4028234663852886e38

Convert = Callable[[list[Any], Mapping[str, Any]], Any]


def _clip(inputs: list[Any], attrs: Mapping[str, Any]) -> Any:
    """`relax.clip` where the limits are constant: TVM's importer makes two TIR functions of it."""
    limits = []
    for position, name, open_end in ((1, "min", -math.inf), (2, "max", math.inf)):
        limit = inputs[position] if len(inputs) > position else None
        if limit is None:
            limits.append(float(attrs.get(name, open_end)))
        elif is_constant(limit):
            limits.append(float(array_of(limit).reshape(())))  # some write [6.0] for 6.0
        else:
            return None
    return relax.op.clip(inputs[0], *(min(max(v, -FLOAT_MAX), FLOAT_MAX) for v in limits))


def _softplus(inputs: list[Any], attrs: Mapping[str, Any]) -> Any:
    """`relax.nn.softplus`: TVM's importer writes seven calls."""
    return relax.op.nn.softplus(inputs[0])


def _swish(inputs: list[Any], attrs: Mapping[str, Any]) -> Any:
    """`relax.nn.silu`, or the product that it is; TVM's importer does not know it."""
    x, alpha = inputs[0], float(attrs.get("alpha", 1.0))
    if alpha == 1.0:
        return relax.op.nn.silu(x)
    return relax.op.multiply(
        x, relax.op.sigmoid(relax.op.multiply(x, relax.const(alpha, "float32")))
    )


CONVERTERS: dict[str, Convert] = {
    "Clip": _clip,
    "Softplus": _softplus,
    "Swish": _swish,
    **extremes.CONVERTERS,
    **norm.CONVERTERS,
    **placement.CONVERTERS,
    **rearrangement.CONVERTERS,
    **recurrent.CONVERTERS,
}
