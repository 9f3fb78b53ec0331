"""QuantizeLinear, DequantizeLinear, RequantizeLinear: the chip reads exponents, no scale or offset.

Source: ESP-DL `TensorBase::assign`, `dl/tensor/src/dl_tensor_base.cpp`.
"""

from __future__ import annotations

from ...ops import Operator
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from ...ops.reshape import Reshape
from ..network import Call
from ..node_view import NodeView


def convert(node: NodeView) -> list[Call]:
    """From one type or exponent to another; which of both is float decides the operator."""
    x = node.tensor()
    y = node.typed(x.shape)
    operator: Operator
    if x.dtype == y.dtype == "float32":
        operator = Reshape(x, y)
    elif x.dtype == "float32":
        operator = Quantize(x, y)
    elif y.dtype == "float32":
        operator = Dequantize(x, y)
    else:
        operator = Requantize(x, y)
    return [node.call(operator, [node.operand(0)])]


TRANSLATORS = dict.fromkeys(("DequantizeLinear", "QuantizeLinear", "RequantizeLinear"), convert)
