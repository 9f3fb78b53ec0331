"""Operators of two broadcast inputs, and conversions between exponents, widths and floats.

Constants have the data's own layout already: the compiler has permuted them with the data.
Source: ESP-DL `dl/module/include/dl_module_{add,sub,mul,div,requantize_linear}.hpp`.
"""

from __future__ import annotations

from ...ops import Tensor
from ...ops.add import Add
from ...ops.base.operator import Operator
from ...ops.dequantize import Dequantize
from ...ops.div import Div
from ...ops.mul import Mul
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from ...ops.sub import Sub
from .view import Emitters, StepView

BINARY: dict[type[Operator], str] = {Add: "Add", Div: "Div", Mul: "Mul", Sub: "Sub"}
# The runtime reads the exponents of both tensors, no scale and no offset.
CONVERSIONS: dict[type[Operator], str] = {
    Dequantize: "DequantizeLinear",
    Quantize: "QuantizeLinear",
    Requantize: "RequantizeLinear",
}


def binary(step: StepView) -> None:
    """A node of two inputs; the runtime fuses no ReLU into it, which follows as a node."""
    kind, inputs = BINARY[type(step.operator)], [step.operand(0), step.operand(1)]
    if getattr(step.operator, "activation", "linear") == "linear":
        step.node(kind, inputs)
        return
    linear = step.between("linear", step.operator.y)
    step.node(kind, inputs, output=linear)
    step.node("Relu", [linear])


def conversion(step: StepView) -> None:
    """A node of one input; its type is that of its integers, of the result's where both are."""
    x: Tensor = step.operator.x
    y: Tensor = step.operator.y
    integers = x if y.dtype == "float32" else y
    step.node(CONVERSIONS[type(step.operator)], [step.operand(0)], of=integers)


EMITTERS: Emitters = {**dict.fromkeys(BINARY, binary), **dict.fromkeys(CONVERSIONS, conversion)}
