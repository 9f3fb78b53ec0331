"""The name by which a dump, a project and a file are known to be of one network."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from .program import Native, Program


def identity(program: Program) -> str:
    """A name for exactly this network on exactly this chip: the first 16 digits of its `digest`."""
    return digest(program)[:16]


def digest(program: Program) -> str:
    """The SHA-256 of a network, in 64 hex digits.

    It covers whatever decides the results: operators, constants, states, the bodies of TVM's own
    functions, and what enters and leaves, in its order. Firmware that was made earlier keeps its
    name: what most networks have alike is not told where it is as usual.
    """
    found = hashlib.sha256(program.chip.name.encode())
    for step in program.steps:
        operator = step.operator
        if isinstance(operator, Native):
            text = f"{operator.name}\n{operator.text}"
        else:
            text = operator.to_json()
        found.update(json.dumps([text, step.inputs, step.outputs]).encode())
        for array in step.constants:  # of types that the record says
            found.update(array.tobytes())
    for state in program.states:
        found.update(json.dumps([state.value, state.next]).encode())
    found.update(_unusual(program).encode())
    for array in program.constants.values():
        found.update(array.tobytes())
    return found.hexdigest()


def _unusual(program: Program) -> str:
    """What steps and states do not say; "" where they do, as in most networks.

    These have no constants beside those of steps, their inputs enter in the order in which they
    are read first, and what nobody reads leaves, in the order in which it is computed.
    """
    read = dict.fromkeys(name for step in program.steps for name in step.inputs)
    made = dict.fromkeys(name for step in program.steps for name in step.outputs)
    old, new = ({getattr(s, end) for s in program.states} for end in ("value", "next"))
    inputs = tuple(name for name in read if name not in made.keys() | old)
    outputs = tuple(name for name in made if name not in read.keys() | new)
    if not program.constants and (inputs, outputs) == (program.inputs, program.outputs):
        return ""
    types = {
        name: dataclasses.astuple(program.values[name])
        for name in (*program.inputs, *program.outputs, *sorted(old))
    }
    constants = [(n, str(a.dtype), a.shape) for n, a in program.constants.items()]
    return json.dumps([program.inputs, program.outputs, types, constants])
