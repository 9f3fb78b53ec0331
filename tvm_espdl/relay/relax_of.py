"""A program as a Relax module: operators that are lowered already, TVM's functions as they are.

It is the inverse of `program`, which reads such modules; it decides nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import tvm
from tvm import relax

from ..program import Native, Origin, Program
from .ir import type_of, variable_name, with_main
from .program import INPUT_NAMES, NODES, OUTPUT_NAMES, REASON, STATES
from .transform.composite import Placed, composite_of

# Names of the values that a call reads and writes, its result's in Relax, and the call of those.
Call = tuple[Sequence[str], Sequence[str], str, Callable[[list[Any]], Any]]


def relax_of(program: Program) -> tvm.IRModule:
    """The module of a program.

    The functions of its `Native` steps are TVM's. `main` takes the states after the inputs, and
    gives the next ones after the outputs. An operator that breaks a rule of the chip, and runs all
    the same, does so still.
    """
    mod = main_of_program(program, partial(_calls_of_steps, program))
    attrs: dict[str, Any] = {
        INPUT_NAMES: list(program.input_names or program.inputs),
        OUTPUT_NAMES: list(program.output_names or program.outputs),
        NODES: [[node.name, node.type, node.tensor, *node.others] for node in program.nodes],
    }
    if program.states:
        attrs[STATES] = [[state.value, state.next] for state in program.states]
    mod["main"] = mod["main"].with_attrs(attrs)
    return mod


def main_of_program(
    program: Program,
    calls: Callable[[relax.BlockBuilder], Iterable[Call]],
    input_names: Sequence[str] | None = None,
) -> tvm.IRModule:
    """The module of a program whose `main` makes these calls.

    Its parameters are the program's inputs, under these names or their own, then its states; it
    gives the outputs, then the next states; one result alone is no tuple.
    """
    states = [state.value for state in program.states]
    names = (*(input_names or program.inputs), *states)
    values: dict[str, Any] = {
        value: relax.Var(name, type_of(program.values[value]))
        for name, value in zip(names, (*program.inputs, *states), strict=True)
    }
    parameters, builder = list(values.values()), relax.BlockBuilder()

    def result() -> Any:
        for name, array in program.constants.items():
            values[name] = relax.const(array, str(array.dtype))
        for inputs, outputs, name, call in calls(builder):
            made = builder.emit(call([values[value] for value in inputs]), variable_name(name))
            parts = [made] if len(outputs) == 1 else [made[at] for at in range(len(outputs))]
            values.update(zip(outputs, parts, strict=True))
        leaving = (*program.outputs, *(state.next for state in program.states))
        results = [values[name] for name in leaving]
        return results[0] if len(results) == 1 else relax.Tuple(results)

    return with_main(builder, parameters, result)


def _calls_of_steps(program: Program, builder: relax.BlockBuilder) -> Iterable[Call]:
    functions: dict[Any, Any] = {}  # one that several steps call stands in the module once
    for step in program.steps:
        (first, *_), operator = step.outputs, step.operator
        if isinstance(operator, Native):
            if operator.function not in functions:
                added = builder.add_func(_function_of(operator), operator.name)
                functions[operator.function] = added
            types = [type_of(tensor) for tensor in operator.outputs]
            result = types[0] if len(types) == 1 else types
            call = partial(relax.call_tir, functions[operator.function], out_ty=result)
            yield step.inputs, step.outputs, next(iter(step.covers), first), call
            continue
        # What the model calls the result, where it knows it.
        origin = program.origins.get(first, Origin(first))
        covers, turns = step.covers, origin.turns
        placed = Placed(operator, step.constants, origin.tensor, covers, turns, step.admits)
        function = composite_of(placed, program.chip.name)
        added = builder.add_func(function, f"espdl_{operator.name}")
        yield step.inputs, step.outputs, origin.tensor, partial(tvm.ir.Call, added)


def _function_of(native: Native) -> Any:
    """TVM's function, with the reason for which it is TVM's."""
    if native.reason is None:
        return native.function
    return native.function.with_attr(REASON, json.dumps(dataclasses.asdict(native.reason)))
