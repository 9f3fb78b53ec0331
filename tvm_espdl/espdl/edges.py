"""What of a program is its file's edge: conversions that the runtime does itself are left out.

ESP-DL's networks take and give integers in their own layout, with the exponents stated: the user's
floats are converted by `TensorBase::assign`, and images come with channels last. It decides about
the first and last calls only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap

from ..errors import ModelError
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..ops.reshape import Reshape
from ..ops.transpose import Transpose
from ..program import Program, Step


@dataclass(frozen=True)
class Edge:
    """An input or output.

    Attributes
    ----------
    name : str
        As the model and the file call it.
    value : str
        The program's value that it is.
    layout : str
        `NHWC` (`NWC`) where the model itself has channels first, else "".
    """

    name: str
    value: str
    layout: str = ""


@dataclass(frozen=True)
class Edges:
    """Inputs and outputs of the file, and the steps between them and those of the program."""

    inputs: tuple[Edge, ...]
    outputs: tuple[Edge, ...]
    left_out: frozenset[int]


def edges_of(program: Program) -> Edges:
    """Where the file of a program begins and ends.

    Refused where an output is an input, a constant, or given twice: the runtime keeps tensors by
    name.
    """
    finder = _Finder(program)
    inputs = tuple(starmap(finder.begin, zip(program.inputs, program.input_names, strict=True)))
    outputs = tuple(starmap(finder.end, zip(program.outputs, program.output_names, strict=True)))
    values = [edge.value for edge in (*inputs, *outputs)]
    for edge in outputs:
        if values.count(edge.value) > 1 or edge.value in program.constants:
            raise ModelError(
                "an output is not computed, or is given twice",
                where=f"output {edge.name!r}",
                allowed="each output computed by a node of its own",
                try_="remove the output from the model",
            )
    return Edges(inputs, outputs, frozenset(finder.left_out))


class _Finder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.left_out: set[int] = set()
        self.readers: dict[str, list[int]] = {}
        self.writers: dict[str, int] = {}
        for number, step in enumerate(program.steps):
            for name in step.inputs:
                self.readers.setdefault(name, []).append(number)
            self.writers.update(dict.fromkeys(step.outputs, number))

    def begin(self, value: str, name: str) -> Edge:
        """An input: the integers that take the model's own name, behind an added transpose."""
        step = self._only_reader(value)
        if step is None or not isinstance(step.operator, Quantize) or step.outputs != (name,):
            return Edge(name, value)
        self._leave_out(step)
        moved = self._only_reader(name)
        if moved is None or not is_layout_change(moved):
            return Edge(name, name)
        return self._without(moved, name, moved.outputs[0])

    def end(self, value: str, name: str) -> Edge:
        """An output: the integers in front of an added dequantize, in front of an added transpose.

        Floats that a softmax gives are what they are.
        """
        step = self._added_writer(value)
        if step is None or not isinstance(step.operator, (Dequantize, Transpose)):
            return Edge(name, value)
        if isinstance(step.operator, Dequantize):
            self._leave_out(step)
            value = step.inputs[0]
            step = self._added_writer(value)
        if step is None or not is_layout_change(step) or step.inputs[0] in self.program.inputs:
            return Edge(name, value)
        return self._without(step, name, step.inputs[0])

    def _without(self, moved: Step, name: str, value: str) -> Edge:
        """The edge in the runtime's own layout, its change left out."""
        self._leave_out(moved)
        rank = len(self.program.values[value].shape)
        return Edge(name, value, "NWC" if rank == 3 else "NHWC")

    def _added_writer(self, value: str) -> Step | None:
        """The step that writes a value which has one use, where the compiler has added it."""
        number = self.writers.get(value)
        if number is None or number in self.left_out or self._uses(value) > 1:
            return None
        step = self.program.steps[number]
        return None if step.covers else step

    def _uses(self, value: str) -> int:
        return len(self.readers.get(value, ())) + self.program.outputs.count(value)

    def _only_reader(self, value: str) -> Step | None:
        readers = self.readers.get(value, [])
        if len(readers) != 1 or self._uses(value) != 1 or readers[0] in self.left_out:
            return None
        return self.program.steps[readers[0]]

    def _leave_out(self, step: Step) -> None:
        self.left_out.add(self.writers[step.outputs[0]])


def is_layout_change(step: Step) -> bool:
    """Whether the compiler has added the step to bring channels behind or in front."""
    operator = step.operator
    if step.covers or not isinstance(operator, (Reshape, Transpose)):
        return False
    rank = len(operator.x.shape)
    if rank < 3 or rank != len(operator.y.shape):
        return False
    changes = ((0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1)))
    if isinstance(operator, Transpose):
        return operator.axes in changes
    return any(operator.y.shape == operator.x.permuted(axes).shape for axes in changes)
