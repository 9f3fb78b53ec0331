"""A program while it is read from a file: values under names of their own, steps in their order.

It keeps names apart, as `draft` does for a file that is written; what a node becomes is said in
`families`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..chips import Chip
from ..ops import Operator, Tensor
from ..ops.base.rounding import Array
from ..ops.dequantize import Dequantize
from ..program import Native, Node, Origin, Program, State, Step
from .draft import unused
from .types import FloatCall, Operand


class Steps:
    """The parts of a program for a chip, in the order in which they were added."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self._names: dict[str, str] = {}  # of the file's values, what the program calls them
        self._values: dict[str, Tensor] = {}
        self._inputs: list[str] = []
        self._states: list[tuple[str, str]] = []
        self._steps: list[Step] = []
        self._constants: dict[str, Array] = {}
        self._origins: dict[str, Origin] = {}

    def __contains__(self, name: str) -> bool:
        """Whether something of this name is computed already, or enters."""
        return name in self._names

    def __len__(self) -> int:
        """Number of steps."""
        return len(self._steps)

    def add_input(self, name: str, tensor: Tensor) -> None:
        """A value that enters."""
        self._inputs.append(name)
        self._name(name, name, tensor)

    def add_state(self, name: str, following: str, tensor: Tensor) -> None:
        """A value that a run begins with, and the result that the next run begins with."""
        self._states.append((name, following))
        self._name(name, name, tensor)

    def add_step(
        self,
        operator: Operator | FloatCall,
        inputs: Sequence[Operand],
        output: str,
        *,
        constants: Sequence[Array],
        covers: Sequence[str],
        admits: Sequence[str],
    ) -> None:
        """A call.

        Parameters
        ----------
        inputs : sequence of str or numpy.ndarray
            Names in the file; constant inputs as they are.
        output : str
            Name of the result, in the file or made up.
        covers, admits
            As in `Step`.
        """
        types = operator.xs if isinstance(operator, FloatCall) else operator.inputs
        names = tuple(
            self._names[given] if isinstance(given, str) else self._constant(given, tensor)
            for given, tensor in zip(inputs, types, strict=True)
        )
        # A dequantize leaves the tensor's own name to integers, as everywhere.
        name = f"{names[0]}_float" if isinstance(operator, Dequantize) else output
        unique = self._name(output, name, operator.output)
        called: Operator | Native
        if isinstance(operator, FloatCall):
            called = Native(operator, types, (operator.output,), operator.name)
        else:
            called = operator
            if output in covers:
                self._origins[unique] = Origin(output)
        self._steps.append(
            Step(called, names, (unique,), tuple(constants), tuple(covers), tuple(admits))
        )

    def mark(self) -> tuple[int, ...]:
        """Where it stands, for `cut`."""
        return tuple(map(len, self._parts))

    def cut(self, mark: tuple[int, ...]) -> None:
        """Undo what was added since a `mark`."""
        for part, size in zip(self._parts, mark, strict=True):
            while len(part) > size:
                if isinstance(part, dict):
                    part.popitem()
                else:
                    part.pop()

    @property
    def _parts(self) -> tuple[dict[str, Any] | list[Any], ...]:
        return self._names, self._values, self._states, self._steps, self._constants, self._origins

    def add_program(
        self, part: Program, inputs: Sequence[str], outputs: Mapping[str, Tensor]
    ) -> None:
        """The steps of a program that computes the results of one node.

        Parameters
        ----------
        inputs : sequence of str
            Names in the file of what the program takes.
        outputs : mapping of str to Tensor
            What its results are called in the file, and their types there.
        """
        known = {v: self._names[name] for v, name in zip(part.inputs, inputs, strict=True)}
        for value, array in part.constants.items():
            known[value] = self._constant(array, part.values[value])
        results = dict(zip(part.outputs, outputs.items(), strict=True))
        if len(results) < len(outputs) or known.keys() & results.keys():
            raise ValueError("a result is an input, or given twice")
        for step in part.steps:
            covers = []
            for value in step.outputs:
                inner = f"{next(iter(outputs))}_{value}"
                name, tensor = results.get(value, (inner, part.values[value]))
                known[value] = self._name(name, name, tensor)
                if value in results:
                    covers.append(name)
                    self._origins[known[value]] = Origin(name)
            self._steps.append(
                dataclasses.replace(
                    step,
                    inputs=tuple(known[value] for value in step.inputs),
                    outputs=tuple(known[value] for value in step.outputs),
                    covers=tuple(covers),
                )
            )

    def program(self, outputs: Sequence[str], nodes: Sequence[Node]) -> Program:
        """The whole program, without steps whose results nothing reads."""
        leaving = tuple(self._names[name] for name in outputs)
        states = tuple(State(self._names[begin], self._names[n]) for begin, n in self._states)
        steps, read = [], {*leaving, *(state.next for state in states)}
        for step in reversed(self._steps):
            if read.intersection(step.outputs):
                read.update((*step.inputs, *step.outputs))
                steps.append(step)
        begin = (*self._inputs, *(state.value for state in states))
        kept = {*begin, *read}
        return Program(
            self.chip,
            {name: self._values[name] for name in (*begin, *self._values) if name in kept},
            tuple(self._inputs),
            leaving,
            tuple(reversed(steps)),
            {name: array for name, array in self._constants.items() if name in kept},
            input_names=tuple(self._inputs),
            output_names=tuple(outputs),
            nodes=tuple(nodes),
            states=states,
            origins={name: origin for name, origin in self._origins.items() if name in kept},
        )

    def _constant(self, array: Array, tensor: Tensor) -> str:
        name = unused("constant", self._values)
        self._values[name] = tensor
        self._constants[name] = array
        return name

    def _name(self, name: str, wanted: str, tensor: Tensor) -> str:
        unique = unused(wanted, self._values)
        self._names[name] = unique
        self._values[unique] = tensor
        return unique
