"""Integers enter and leave as the chip has them: no floats, no transposes at the border.

What the compiler has put between the model's own form of an input or output and the chip's is left
out: the quantize and dequantize, and the transposes that it has added to them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TypeVar

from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ..program import Origin, Program, Step
from .lifted_transposes import added_axes, leaves, lifted, readers_of

_T = TypeVar("_T")


def native_border(program: Program, inputs: Collection[str], outputs: Collection[str]) -> Program:
    """The program without conversions of some inputs and outputs; each keeps its place.

    Parameters
    ----------
    inputs, outputs : collection of str
        The model's names of those that are exchanged as integers. What has no conversion stays.
    """
    names = program.input_names or program.inputs
    for place, name in enumerate(names):
        if name in inputs:
            program = _entering(program, place)
    for place, name in enumerate(program.output_names or program.outputs):
        if name in outputs:
            program = _leaving(program, place)
    return program


def integers_of_input(program: Program, value: str) -> Step | None:
    """The one step that reads a float input, where it does nothing but quantize it."""
    readers = readers_of(program, value)
    single = len(readers) == 1 and not leaves(program, value)
    return readers[0] if single and isinstance(readers[0].operator, Quantize) else None


def integers_of_output(program: Program, value: str) -> Step | None:
    """The step that makes a float output of integers."""
    maker = _maker(program, value)
    return maker if maker is not None and isinstance(maker.operator, Dequantize) else None


def _entering(program: Program, place: int) -> Program:
    """The input begins as the integers that it is quantized to, in the layout that is read."""
    step = integers_of_input(program, program.inputs[place])
    if step is not None:
        program = _begun(program, place, [step])
    value = program.inputs[place]
    program = lifted(program, value)
    readers = readers_of(program, value)
    axes = [added_axes(program, step) for step in readers]
    if not readers or None in axes or len(set(axes)) > 1 or leaves(program, value):
        return program
    if any(leaves(program, reader.outputs[0]) for reader in readers):
        return program
    return _begun(program, place, readers)


def _begun(program: Program, place: int, steps: list[Step]) -> Program:
    """The program without steps that make the same of an input, whose result enters instead."""
    (old,), (new, *others) = {s.inputs for s in steps}.pop(), [s.outputs[0] for s in steps]
    axes = added_axes(program, steps[0])
    origins = dict(program.origins)
    tensor = program.values[new]
    if axes is not None:
        back = tuple(axes.index(axis) for axis in range(len(axes)))
        before = origins[old] if old in origins else Origin(old)
        origins[new] = Origin(before.tensor, ((tensor.shape, back), *before.turns))
    entering = list(program.inputs)
    entering[place] = new
    kept = [step for step in program.steps if step not in steps]
    renamed = dict.fromkeys(others, new)
    gone = {old, *others}
    return dataclasses.replace(
        program,
        inputs=tuple(entering),
        steps=tuple(_reading(step, renamed) for step in kept),
        values=_without(program.values, gone),
        origins=_without(origins, gone),
    )


def _reading(step: Step, renamed: dict[str, str]) -> Step:
    inputs = tuple(renamed.get(name, name) for name in step.inputs)
    return step if inputs == step.inputs else dataclasses.replace(step, inputs=inputs)


def _leaving(program: Program, place: int) -> Program:
    """The output ends as the integers behind it, in the layout that they are computed in."""
    step = integers_of_output(program, program.outputs[place])
    while step is not None:
        program = _ended(program, place, step)
        step = _maker(program, program.outputs[place])
        if step is not None and added_axes(program, step) is None:
            return program
    return program


def _ended(program: Program, place: int, step: Step) -> Program:
    """The program whose output is what a step reads; without the step, where no one needs it."""
    (source,), (result,) = step.inputs, step.outputs
    leaving = list(program.outputs)
    leaving[place] = source
    changed = dataclasses.replace(program, outputs=tuple(leaving))
    if readers_of(changed, result) or leaves(changed, result):
        return changed
    return dataclasses.replace(
        changed,
        steps=tuple(other for other in changed.steps if other is not step),
        values=_without(changed.values, {result}),
        origins=_without(changed.origins, {result}),
    )


def _maker(program: Program, value: str) -> Step | None:
    return next((step for step in program.steps if value in step.outputs), None)


def _without(mapping: Mapping[str, _T], gone: Collection[str]) -> dict[str, _T]:
    return {name: one for name, one in mapping.items() if name not in gone}
