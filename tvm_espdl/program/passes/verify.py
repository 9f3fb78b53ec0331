"""States what must hold for a program, and names the pass, the node and the rule that it broke.

A failure here is a mistake of this package, never of the user.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...ops import Tensor
from ..program import Native, Program, Step


class InvariantError(RuntimeError):
    """A pass of this package has broken an invariant."""

    def __init__(self, stage: str, node: str, rule: str) -> None:
        super().__init__(f"after {stage}: {node}: {rule}")


def verify(program: Program, stage: str) -> Program:
    """Check all invariants; the program is returned as it came.

    Parameters
    ----------
    stage : str
        What has just run.

    Raises
    ------
    InvariantError
        Naming stage, node and rule.
    """
    for node, broken in (*_order(program), *_types(program), *_edges(program)):
        raise InvariantError(stage, node, broken)
    return program


def _order(program: Program) -> Iterator[tuple[str, str]]:
    """Each value is written once, before it is read."""
    known = {*program.inputs, *program.constants, *(state.value for state in program.states)}
    for step in program.steps:
        for name in step.inputs:
            if name not in known:
                yield name, f"{step.outputs[0]} reads it before it is written"
        for name in step.outputs:
            if name in known:
                yield name, "a value is written once"
        known.update(step.outputs)
    for name in program.values:
        if name not in known:
            yield name, "a value is an input, a state, a constant or the result of a step"


def _types(program: Program) -> Iterator[tuple[str, str]]:
    """Values are what operators say, and the chip runs these."""
    for step in program.steps:
        node = step.outputs[0]
        written = [program.values.get(name) for name in step.outputs]
        read = [program.values.get(name) for name in step.inputs]
        if isinstance(step.operator, Native):
            results = list(step.operator.outputs)
            if [_form(t) for t in written] != [_form(t) for t in results]:
                yield node, f"its results {written} are those of its function, {results}"
            continue
        record = step.operator
        if [_form(t) for t in read] != [_form(t) for t in record.inputs]:
            yield node, f"its inputs {read} are those of its record, {list(record.inputs)}"
        if written != [record.output]:
            yield node, f"its result {written} is that of its record, {record.output}"
        yield from _operator(program, step)


def _operator(program: Program, step: Step) -> Iterator[tuple[str, str]]:
    assert not isinstance(step.operator, Native)
    given = [(str(array.dtype), array.shape) for array in step.constants]
    wanted = [_form(tensor) for tensor in step.operator.constants]
    if given != wanted:
        yield step.outputs[0], f"its constants {given} are those of its record, {wanted}"
    for refusal in step.operator.refusals(program.chip):
        if refusal.rule not in step.admits:
            yield step.outputs[0], f"its chip runs it: {refusal}"


def _edges(program: Program) -> Iterator[tuple[str, str]]:
    """What enters, leaves and is kept is there."""
    for name in (*program.inputs, *program.outputs):
        if name not in program.values:
            yield name, "an input or output is a value"
    written = {name for step in program.steps for name in step.outputs}
    for state in program.states:
        if state.next not in written and state.next not in program.inputs:
            yield state.value, "the next state is computed, or an input"
    for name in program.origins:
        if name not in program.values:
            yield name, "what stands for a tensor of the model is a value"


def _form(tensor: Tensor | None) -> tuple[str, tuple[int, ...]] | None:
    return None if tensor is None else (tensor.dtype, tensor.shape)
