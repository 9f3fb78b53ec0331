"""ONNX LpNormalization, which TVM's importer does not know, as calls that a pattern finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tvm import relax

from ..ir import shape_of

# Below every norm but zero: ONNX wants zeros there, and no quotient of zeros.
SMALLEST_NORM = np.float32(2.0**-60)


def _lp_normalization(inputs: list[Any], attrs: Mapping[str, Any]) -> Any:
    """`x / max(norm(x), tiny)`."""
    x = inputs[0]
    axis = int(attrs.get("axis", -1)) % len(shape_of(x))
    if int(attrs.get("p", 2)) == 1:
        norm = relax.op.sum(relax.op.abs(x), axis=[axis], keepdims=True)
    else:
        norm = relax.op.sqrt(relax.op.sum(relax.op.square(x), axis=[axis], keepdims=True))
    return relax.op.divide(x, relax.op.maximum(norm, relax.const(SMALLEST_NORM)))


CONVERTERS = {"LpNormalization": _lp_normalization}
