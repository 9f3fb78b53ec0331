"""Finds in a dump what the board was fed, so that the PC can be fed the very same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import DataError
from ..ops import Tensor
from ..ops.base.rounding import Array
from ..ops.quantize import Quantize
from ..program import Program, Step
from ..program.border.ports import Border
from .dump import Dump


class Host(Protocol):
    """What is asked of a compiled network on the PC; `Library` answers it."""

    @property
    def program(self) -> Program:
        """The network as a static list of calls."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, as the model has them, in the order of `program.inputs`."""

    def observe(
        self, arrays: list[Any] | Mapping[str, Any], states: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Every tensor of one run by its name in the program, in the order of execution."""

    def recompute(self, step: Step, arrays: Sequence[Array]) -> dict[str, Array]:
        """What one call of the program writes, by name, of these inputs."""


@dataclass(frozen=True)
class Fed:
    """What the board was fed."""

    #: By the model's names; None where the dump does not give them whole.
    inputs: dict[str, Array] | None
    #: What the run began with, as far as the dump has it, by the program's names and of its types;
    #: of a float state that is quantized first, the floats that the integers stand for.
    states: dict[str, Array]
    #: The dump's names of all these.
    tensors: tuple[str, ...]
    #: Why there are no inputs.
    problems: tuple[str, ...] = ()
    #: Which states are not in the dump.
    notes: tuple[str, ...] = ()


def fed_by(lib: Host, border: Border, board: Dump, *, inputs_too: bool) -> Fed:
    """States, and inputs where these are wanted `too`, of the run that a dump shows.

    A float input that the network quantizes first may stand there as floats, as integers, or both:
    the floats are taken then, for the integers are computed from them.

    Raises
    ------
    DataError
        If the dump is whole but lacks an input.
    """
    program = border.program
    states, names = _states(program, board.tensors)
    inputs, missing, problems = {}, [], []
    wanted = zip(program.inputs, lib.input_names, border.inputs, strict=True)
    for value, name, port in wanted if inputs_too else ():
        types = _types(program, value, name)
        found = next((n for n, t in types if _fits(board.tensors.get(n), t)), None)
        if found is not None:
            inputs[name] = port.in_model_form(board.tensors[found], program.chip)
            names.append(found)
            continue
        there = next((board.tensors[n] for n, _ in types if n in board.tensors), None)
        if there is None:
            missing.append(name)
        else:
            problems.append(
                f"{name}: {there.dtype} of shape {there.shape} in the dump is no input of the "
                f"network, which takes {program.values[value].dtype} of shape "
                f"{program.values[value].shape}"
            )
    if missing and not (board.problems or problems):
        raise DataError(
            "the dump lacks the network's input",
            found=", ".join(missing),
            try_="compare(lib, dump, inputs=...), or --input",
        )
    problems += [f"{name}: the input is not whole in the dump" for name in missing]
    notes = tuple(
        f"{state.value}: this state is not in the dump, the library's own is taken"
        for state in program.states
        if state.value not in states
    )
    return Fed(
        inputs if inputs_too and not problems else None,
        states,
        tuple(names),
        tuple(problems),
        notes,
    )


def _types(program: Program, value: str, name: str) -> list[tuple[str, Tensor]]:
    """Under which names an input may stand in a dump, and as what."""
    own, integers = program.values[value], quantized_form(program, value)
    quantized = [] if integers is None else [(integers, program.values[integers])]
    return [(value, own), *quantized, (name, own)]


def quantized_form(program: Program, value: str) -> str | None:
    """The integers that an input or a state becomes first, where that is all that happens to it."""
    readers = [step for step in program.steps if value in step.inputs]
    if len(readers) == 1 and isinstance(readers[0].operator, Quantize):
        return readers[0].outputs[0]
    return None


def _fits(array: Array | None, tensor: Tensor) -> bool:
    return array is not None and (str(array.dtype), array.shape) == (tensor.dtype, tensor.shape)


def _states(program: Program, tensors: Mapping[str, Array]) -> tuple[dict[str, Array], list[str]]:
    """What is known of the states, and the dump's names of it."""
    states: dict[str, Array] = {}
    names = []
    for state in program.states:
        for name, tensor in _types(program, state.value, state.value):
            if state.value not in states and _fits(tensors.get(name), tensor):
                names.append(name)
                states[state.value] = _as_type(tensors[name], tensor, program.values[state.value])
    return states, names


def _as_type(array: Array, tensor: Tensor, wanted: Tensor) -> Array:
    """Integers as the floats that they are quantized from, exactly; anything else as it is."""
    if tensor.dtype == wanted.dtype or not isinstance(tensor.exponent, int):
        return array
    return np.ldexp(array.astype(wanted.dtype), tensor.exponent)
