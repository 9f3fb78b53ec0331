"""The name by which a dump, a project and a file are known to be of one network."""

from __future__ import annotations

import hashlib
import json

from ..ops import Tensor
from ..ops.base.rounding import Array
from .program import Native, Program


def identity(program: Program) -> str:
    """A name for exactly this network on exactly this chip: 16 hex digits of a SHA-256.

    It covers whatever decides the results: operators, constants, states, the bodies of TVM's own
    functions, and what enters and leaves, in its order.
    """
    digest = hashlib.sha256(program.chip.name.encode())

    def tell(*facts: object) -> None:
        digest.update(json.dumps(facts).encode() + b"\n")

    def tell_array(name: str, array: Array) -> None:
        tell(name, str(array.dtype), array.shape)
        digest.update(array.tobytes())

    ends = (*program.inputs, *program.outputs, *(state.value for state in program.states))
    tell(program.inputs, program.outputs, [_type(program.values[name]) for name in ends])
    for step in program.steps:
        operator = step.operator
        if isinstance(operator, Native):
            text = f"{operator.name}\n{operator.text}"
        else:
            text = operator.to_json()
        tell(text, step.inputs, step.outputs)
        for array in step.constants:
            tell_array("", array)
    for name, array in program.constants.items():
        tell_array(name, array)
    for state in program.states:
        tell(state.value, state.next)
    return digest.hexdigest()[:16]


def _type(tensor: Tensor) -> tuple[object, ...]:
    return tensor.dtype, tensor.shape, tensor.exponent
