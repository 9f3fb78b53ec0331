"""The name by which a dump, a project and a file are known to be of one network."""

from __future__ import annotations

import hashlib
import json

from .program import Native, Program


def identity(program: Program) -> str:
    """A name for exactly this network on exactly this chip: 16 hex digits of a SHA-256.

    It covers whatever decides the results: operators, constants, states, and the bodies of TVM's
    own functions.
    """
    digest = hashlib.sha256(program.chip.name.encode())
    for step in program.steps:
        operator = step.operator
        if isinstance(operator, Native):
            text = f"{operator.name}\n{operator.text}"
        else:
            text = operator.to_json()
        digest.update(json.dumps([text, step.inputs, step.outputs]).encode())
        for array in step.constants:
            digest.update(array.tobytes())
    for array in program.constants.values():
        digest.update(array.tobytes())
    for state in program.states:
        digest.update(json.dumps([state.value, state.next]).encode())
    return digest.hexdigest()[:16]
