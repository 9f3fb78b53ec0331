"""QuantizeLinear, DequantizeLinear, RequantizeLinear: the chip reads exponents, no scale or offset.

Source: ESP-DL `TensorBase::assign`, `dl/tensor/src/dl_tensor_base.cpp`.
"""

from __future__ import annotations

from ...ops import Operator
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from ...ops.reshape import Reshape
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers

KINDS = {
    Dequantize.name: "DequantizeLinear",
    Quantize.name: "QuantizeLinear",
    Requantize.name: "RequantizeLinear",
}


def read(node: NodeView) -> None:
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
    node.call(operator)


def write(step: StepView) -> None:
    """A node of one input; its type is that of its integers, of the result's where both are."""
    x, y = step.operator.x, step.operator.y
    integers = x if y.dtype == "float32" else y
    step.node(KINDS[step.operator.name], of=integers)


READERS: Readers = dict.fromkeys(KINDS.values(), read)
WRITERS: Writers = dict.fromkeys(KINDS, write)
