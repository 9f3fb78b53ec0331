"""Conversions between exponents, widths and floats.

Source: ESP-DL `dl/module/include/dl_module_requantize_linear.hpp`.
"""

from __future__ import annotations

from ...ops import Tensor
from ...ops.base.operator import Operator
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from ..step_view import Emitters, StepView

# The runtime reads the exponents of both tensors, no scale and no offset.
CONVERSIONS: dict[type[Operator], str] = {
    Dequantize: "DequantizeLinear",
    Quantize: "QuantizeLinear",
    Requantize: "RequantizeLinear",
}


def conversion(step: StepView) -> None:
    """A node of one input; its type is that of its integers, of the result's where both are."""
    x: Tensor = step.operator.x
    y: Tensor = step.operator.y
    integers = x if y.dtype == "float32" else y
    step.node(CONVERSIONS[type(step.operator)], [step.operand(0)], of=integers)


EMITTERS: Emitters = dict.fromkeys(CONVERSIONS, conversion)
