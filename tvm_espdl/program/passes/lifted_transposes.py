"""Transposes that the compiler has added come before what is computed element by element.

There they meet the border, which leaves them out: networks that normalise their images themselves
get them in the layout in which they are read later. No result is changed.
"""

from __future__ import annotations

import dataclasses

from ...ops import Operator
from ...ops.base.broadcast import Broadcast
from ...ops.base.rounding import Array
from ...ops.base.unary import Elementwise
from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from ..program import Origin, Program, Step

Axes = tuple[int, ...]


def lifted(program: Program, value: str) -> Program:
    """The program that takes an input as its first readers' results are read.

    Only where one transpose follows, after steps that treat all elements alike and that the chip
    computes in vectors in both layouts, or in neither: the results are the same, and no slower.
    """
    chain: list[Step] = []
    at, readers = value, readers_of(program, value)
    while len(readers) == 1 and not leaves(program, at) and _is_alike(program, readers[0], at):
        chain += readers
        at = chain[-1].outputs[0]
        readers = readers_of(program, at)
    axes = {added_axes(program, step) for step in readers}
    known = axes.pop() if len(axes) == 1 else None
    ends = (at, *(step.outputs[0] for step in readers))
    if not chain or known is None or any(leaves(program, name) for name in ends):
        return program
    if not all(_moves(program, step, known) for step in chain):
        return program
    return _moved(program, [value, *(step.outputs[0] for step in chain)], chain, readers, known)


def _is_alike(program: Program, step: Step, value: str) -> bool:
    """Whether a step treats each element of a value alike, but for constants of its own."""
    others = [name for name in step.inputs if name != value]
    return isinstance(step.operator, (Elementwise, Broadcast)) and all(
        name in program.constants and len(readers_of(program, name)) == 1 for name in others
    )


def _moves(program: Program, step: Step, axes: Axes) -> bool:
    """Whether a step computes the same on transposed elements, as fast."""
    operator, chip = step.operator, program.chip
    assert isinstance(operator, (Elementwise, Broadcast))
    if len(operator.output.shape) != len(axes):
        return False
    if isinstance(operator, Elementwise):
        return operator.inputs[0].shape == operator.output.shape
    lanes, moved = chip.lanes(operator.output.dtype), operator.permuted(axes)
    assert isinstance(moved, Broadcast)
    return (operator.innermost[0] >= lanes) == (moved.innermost[0] >= lanes)


def _moved(
    program: Program, names: list[str], chain: list[Step], transposes: list[Step], axes: Axes
) -> Program:
    """The program with the values of a chain transposed; the transposes behind it are gone."""
    back = tuple(axes.index(axis) for axis in range(len(axes)))
    values, constants = dict(program.values), dict(program.constants)
    origins, replaced = dict(program.origins), {}
    for step in chain:
        assert isinstance(step.operator, Operator)
        operator = step.operator.permuted(axes)
        replaced[id(step)] = dataclasses.replace(step, operator=operator)
        for name, tensor in zip(step.inputs, operator.inputs, strict=True):
            values[name] = tensor
            if name in constants:
                constants[name] = _turned(constants[name], axes)
        values[step.outputs[0]] = operator.output
    for name in names:
        before = origins.get(name, Origin(name))
        origins[name] = Origin(before.tensor, ((values[name].shape, back), *before.turns))
    gone = {step.outputs[0]: names[-1] for step in transposes}
    steps = [replaced.get(id(step), step) for step in program.steps if step not in transposes]
    return dataclasses.replace(
        program,
        steps=tuple(
            dataclasses.replace(step, inputs=tuple(gone.get(name, name) for name in step.inputs))
            for step in steps
        ),
        values={name: tensor for name, tensor in values.items() if name not in gone},
        constants=constants,
        origins={name: origin for name, origin in origins.items() if name not in gone},
    )


def _turned(array: Array, axes: Axes) -> Array:
    """A constant as the operator widens and transposes it."""
    wide = array.reshape((1,) * (len(axes) - array.ndim) + array.shape)
    return wide.transpose(axes).copy()


def added_axes(program: Program, step: Step) -> Axes | None:
    """The axes by which a step transposes that the compiler has added; None for others.

    A reshape that moves axes of one element is such a transpose: to channels last, or back.
    """
    if step.covers or step.outputs[0] in program.origins:
        return None
    if isinstance(step.operator, Transpose):
        return step.operator.axes
    if not isinstance(step.operator, Reshape):
        return None
    x, y = step.operator.x, step.operator.y
    rank = len(x.shape)
    last, first = (0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1))
    fitting = (axes for axes in (last, first) if rank > 2 and x.permuted(axes).shape == y.shape)
    return next(fitting, None)


def readers_of(program: Program, value: str) -> list[Step]:
    """The steps that read a value."""
    return [step for step in program.steps if value in step.inputs]


def leaves(program: Program, value: str) -> bool:
    """Whether a value is an output, or kept for the next run."""
    return value in program.outputs or any(value == state.next for state in program.states)
