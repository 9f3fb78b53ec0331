"""GRU and LSTM: the runtime writes all their results, of which a call has one.

Source: ESP-DL `dl/module/include/dl_module_{gru,lstm}.hpp`.
"""

from __future__ import annotations

import dataclasses

from ...ops import Tensor
from ...ops.base.recurrent import ALL, CELLS, LAST, Recurrent
from ...ops.gru import Gru
from ...ops.lstm import Lstm
from ..draft import Setting
from ..step_view import Emitters, StepView

NO_LENGTHS = ""


def recurrent(step: StepView) -> None:
    """One layer; initial states of zeros are left out, as the runtime begins with them."""
    operator: Recurrent = step.operator
    w, r, b = (
        step.constant(what, array, tensor.shape, tensor.exponent)
        for what, array, tensor in zip(
            ("W", "R", "B"), step.constants, operator.constants, strict=True
        )
    )
    states = [_initial(step, place) for place in range(1, len(operator.inputs))]
    while states and not states[-1]:
        states.pop()
    inputs = [_sequence(step), w, r, b, *([NO_LENGTHS, *states] if states else [])]
    lstm = isinstance(operator, Lstm)
    settings: dict[str, Setting] = {
        "direction": "bidirectional" if operator.directions == 2 else "forward",
        "gate_exponent": operator.gate_exponent,
        "hidden_size": operator.hidden_size,
        "layout": 0,
        "input_forget" if lstm else "linear_before_reset": 0 if lstm else 1,
    }
    step.layer("LSTM" if lstm else "GRU", inputs, _outputs(step, lstm=lstm), settings)


def _sequence(step: StepView) -> str:
    """The input as steps, batch, elements."""
    operator: Recurrent = step.operator
    shape = (operator.steps, 1, operator.input_size)
    if operator.x.shape == shape:
        return step.operand(0)
    name = step.between("sequence", dataclasses.replace(operator.x, shape=shape))
    inputs = [step.operand(0), step.indices("sequence.shape", shape)]
    step.node("Reshape", inputs, {"allowzero": 0}, output=name)
    return name


def _initial(step: StepView, place: int) -> str:
    array = step.fixed[place]
    return "" if array is not None and not array.any() else step.operand(place)


def _outputs(step: StepView, *, lstm: bool) -> list[str]:
    """Names of all results; those that are not asked for are values that nothing reads."""
    operator: Recurrent = step.operator
    shape = (operator.directions, 1, operator.hidden_size)
    state = Tensor(operator.h.dtype, shape, operator.h.exponent)
    types = {
        ALL: dataclasses.replace(state, shape=(operator.steps, *shape)),
        LAST: state,
        **({CELLS: Tensor("int16", shape, operator.gate_exponent)} if lstm else {}),
    }
    return [
        step.output if gives == operator.gives else step.between(gives, tensor)
        for gives, tensor in types.items()
    ]


EMITTERS: Emitters = {Gru: recurrent, Lstm: recurrent}
