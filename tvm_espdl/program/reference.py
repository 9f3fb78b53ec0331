"""A program evaluated with the operators' NumPy references: the bits, without any compiler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from ..chips import Chip
from ..ops.base.rounding import Array
from .program import Native, Program


@runtime_checkable
class _HasReference(Protocol):
    def reference(self, chip: Chip, *arrays: Array) -> Array: ...


def run(
    program: Program,
    inputs: Mapping[str, Array],
    states: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Every value by its name.

    Parameters
    ----------
    program : Program
        Of operators; a `Native` only where its function has a `reference` of its own, as the
        functions of floats of an `.espdl` file have.
    inputs : mapping of str to numpy.ndarray
        By the model's own names (`program.input_names`), of the values' types.
    states : mapping of str to numpy.ndarray, optional
        What the run begins with, by `State.value`; zeros where absent.

    Raises
    ------
    ValueError
        For a function that TVM has made, of which there is no reference.
    """
    names = program.input_names or program.inputs
    begin = {state.value: program.values[state.value] for state in program.states}
    values = {
        **program.constants,
        **{name: np.zeros(tensor.shape, tensor.dtype) for name, tensor in begin.items()},
        **(states or {}),
        **{value: inputs[name] for value, name in zip(program.inputs, names, strict=True)},
    }
    for step in program.steps:
        operator = step.operator
        function = operator.function if isinstance(operator, Native) else operator
        if not isinstance(function, _HasReference):
            raise ValueError(f"no reference of {operator.name}, which TVM has made")
        (output,) = step.outputs
        arrays = (*(values[name] for name in step.inputs), *step.constants)
        values[output] = function.reference(program.chip, *arrays)
    return values


def outputs(
    program: Program,
    inputs: Mapping[str, Array],
    states: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """What leaves, by the model's own names (`program.output_names`); otherwise as `run`."""
    values = run(program, inputs, states)
    names = program.output_names or program.outputs
    return {name: values[value] for name, value in zip(names, program.outputs, strict=True)}
