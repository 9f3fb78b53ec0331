"""What operators compute of constants alone is computed once, on the PC.

Such calls are left where TVM runs an operator whose weights are quantized: else the chip would
dequantize them in every run, into its RAM.
"""

from __future__ import annotations

import dataclasses

from ...ops import Operator
from ..program import Program, Step


def fold_constants(program: Program) -> Program:
    """Replace results of operators whose inputs are all constant by constants; outputs stay.

    They have no origins then, for no call computes that tensor of the model.
    """
    kept = {*program.outputs, *(state.next for state in program.states)}
    constants = dict(program.constants)
    steps: list[Step] = []
    for step in program.steps:
        known = all(name in constants for name in step.inputs)
        if isinstance(step.operator, Operator) and known and not kept.intersection(step.outputs):
            arrays = (*(constants[name] for name in step.inputs), *step.constants)
            (result,) = step.outputs
            constants[result] = step.operator.reference(program.chip, *arrays)
        else:
            steps.append(step)
    if len(steps) == len(program.steps):
        return program
    used = kept.union(*(step.inputs for step in steps))
    unused = {name for name in constants if name not in used}
    computed = {name for step in steps for name in step.outputs}
    return dataclasses.replace(
        program,
        steps=tuple(steps),
        constants={name: array for name, array in constants.items() if name not in unused},
        values={name: tensor for name, tensor in program.values.items() if name not in unused},
        origins={name: origin for name, origin in program.origins.items() if name in computed},
    )
