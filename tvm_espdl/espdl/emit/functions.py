"""Functions of one input: tables for int8, the chip's own formulas for int16, softmax, PReLU.

Whatever the chip would compute in floats, element by element, is a table for int8: the same bits
in a fraction of the time. Source: the `deserialize` functions of ESP-DL's modules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.base.operator import Operator
from ...ops.clip import Clip
from ...ops.elu import Elu
from ...ops.exp import Exp
from ...ops.hard_sigmoid import HardSigmoid
from ...ops.hard_swish import HardSwish
from ...ops.leaky_relu import LeakyRelu
from ...ops.log import Log
from ...ops.log_softmax import LogSoftmax
from ...ops.lut import Lut
from ...ops.neg import Neg
from ...ops.prelu import Prelu
from ...ops.relu import Relu
from ...ops.sigmoid import Sigmoid
from ...ops.softmax import Softmax
from ...ops.sqrt import Sqrt
from ...ops.swish import Swish
from ...ops.tanh import Tanh
from ..draft import Setting
from ..step_view import Emitters, StepView

# Node type, and the attributes that the runtime reads.
FUNCTIONS: dict[type[Operator], tuple[str, Callable[[Any], dict[str, Setting]]]] = {
    Elu: ("Elu", lambda operator: {"alpha": operator.alpha}),
    Exp: ("Exp", lambda _: {}),
    HardSigmoid: ("HardSigmoid", lambda operator: {"alpha": operator.alpha, "beta": operator.beta}),
    HardSwish: ("HardSwish", lambda _: {}),
    LeakyRelu: ("LeakyRelu", lambda operator: {"alpha": operator.alpha}),
    Log: ("Log", lambda _: {}),
    Relu: ("Relu", lambda _: {}),
    Sigmoid: ("Sigmoid", lambda _: {}),
    Sqrt: ("Sqrt", lambda _: {}),
    Swish: ("Swish", lambda _: {}),
    Tanh: ("Tanh", lambda _: {}),
}
# Nodes that may have nothing but a table: by what the table's function is called.
TABULATED = {
    kind.lower(): kind
    for kind in ("Exp", "Gelu", "HardSwish", "Log", "Relu", "Sigmoid", "Sqrt", "Swish", "Tanh")
}


def function(step: StepView) -> None:
    """A function of each element."""
    kind, settings_of = FUNCTIONS[type(step.operator)]
    settings = {key: _real(value) for key, value in settings_of(step.operator).items()}
    step.node(kind, [step.operand(0)], {**settings, **_table(step)})


def _real(value: Setting) -> Setting:
    return float(value) if isinstance(value, int) else value


def _table(step: StepView) -> dict[str, Setting]:
    """The attribute that names the table of an int8 function; nothing where it needs none."""
    x, y = step.operator.x, step.operator.y
    plain_relu = isinstance(step.operator, Relu) and x.exponent == y.exponent
    if (x.dtype, y.dtype) != ("int8", "int8") or plain_relu:
        return {}
    inputs = np.arange(-128, 128).astype(np.int8)
    return {"lut": _stored(step, step.operator.reference(step.chip, inputs))}


def _stored(step: StepView, table: Any) -> str:
    return step.constant("table", table, None, step.operator.y.exponent, layout="", shared=True)


def lookup(step: StepView) -> None:
    """A table: under its function's own name for int8, as LUT where that needs more or is int16."""
    operator: Lut = step.operator
    table = _stored(step, step.constants[0])
    kind = TABULATED.get(operator.function.lower().replace("_", ""), "LUT")
    if operator.x.dtype == "int8" and kind != "LUT":
        step.node(kind, [step.operand(0)], {"lut": table})
        return
    step.node(
        "LUT",
        [step.operand(0)],
        {
            "lut": table,
            "int16_lut_step": operator.step,
            "original_op_type": operator.function,
        },
    )


def clip(step: StepView) -> None:
    """Limits in the input's integers, and for int8 the table of both."""
    operator: Clip = step.operator
    dtype, exponent = operator.x.dtype, operator.x.exponent
    limits = [
        step.constant(what, np.array([limit], dtype), None, exponent)
        for what, limit in (("min", operator.low), ("max", operator.high))
    ]
    step.node("Clip", [step.operand(0), *limits], _table(step))


def negative(step: StepView) -> None:
    """The runtime has no table for it."""
    step.node("Neg", [step.operand(0)])


def prelu(step: StepView) -> None:
    """One factor per channel, `(channels, 1, 1)` whatever the data's layout."""
    factors = step.constants[0].ravel()
    alpha = step.constant("alpha", factors, (factors.size, 1, 1), step.operator.alpha.exponent)
    step.node("PRelu", [step.operand(0), alpha])


def softmax(step: StepView) -> None:
    """Integers in, floats out."""
    kind = "LogSoftmax" if isinstance(step.operator, LogSoftmax) else "Softmax"
    step.node(kind, [step.operand(0)], {"axis": step.operator.axis})


EMITTERS: Emitters = {
    **dict.fromkeys(FUNCTIONS, function),
    Clip: clip,
    LogSoftmax: softmax,
    Lut: lookup,
    Neg: negative,
    Prelu: prelu,
    Softmax: softmax,
}
