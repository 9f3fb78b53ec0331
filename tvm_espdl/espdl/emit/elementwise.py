"""Operators of two broadcast inputs.

Constants have the data's own layout already: the compiler has permuted them with the data.
Source: ESP-DL `dl/module/include/dl_module_{add,sub,mul,div}.hpp`.
"""

from __future__ import annotations

from ...ops.add import Add
from ...ops.base.operator import Operator
from ...ops.div import Div
from ...ops.mul import Mul
from ...ops.sub import Sub
from ..step_view import Emitters, StepView

BINARY: dict[type[Operator], str] = {Add: "Add", Div: "Div", Mul: "Mul", Sub: "Sub"}


def binary(step: StepView) -> None:
    """A node of two inputs; the runtime fuses no ReLU into it, which follows as a node."""
    kind, inputs = BINARY[type(step.operator)], [step.operand(0), step.operand(1)]
    if getattr(step.operator, "activation", "linear") == "linear":
        step.node(kind, inputs)
        return
    linear = step.between("linear", step.operator.y)
    step.node(kind, inputs, output=linear)
    step.node("Relu", [linear])


EMITTERS: Emitters = dict.fromkeys(BINARY, binary)
