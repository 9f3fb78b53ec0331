"""Runs a program step by step on the PC and keeps every tensor, for debugging and comparing.

The same kernels as in the library; it is slower only because nothing is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm

from ..ops.base.rounding import Array
from ..program import Native, Program, Step
from .host import build_region


@dataclass(frozen=True, eq=False)
class _Segment:
    """Consecutive steps that run as one function.

    Attributes
    ----------
    inputs, outputs : tuple of str
        Values that the function reads and writes, in the order of its arguments.
    """

    function: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Intermediates:
    """A program compiled so that every value can be seen.

    Parameters
    ----------
    program : Program
        The whole network.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._segments = [
            self._native(steps[0]) if isinstance(steps[0].operator, Native) else self._region(steps)
            for steps in _runs(program.steps)
        ]

    def run(self, inputs: Sequence[Array], kept: Sequence[Array] = ()) -> dict[str, Array]:
        """Every value of the program on one input, by name, in the order of execution.

        Parameters
        ----------
        inputs : sequence of numpy.ndarray
            One for each of the program's inputs.
        kept : sequence of numpy.ndarray
            One for each of its states.
        """
        program = self.program
        read_first = (*program.inputs, *(state.value for state in program.states))
        values = dict(zip(read_first, (*inputs, *kept), strict=True)) | dict(program.constants)
        for segment in self._segments:
            written = {name: self._empty(name) for name in segment.outputs}
            read = [tvm.runtime.tensor(np.array(values[n], order="C")) for n in segment.inputs]
            segment.function(*read, *written.values())
            values |= {name: tensor.numpy() for name, tensor in written.items()}
        return {name: values[name] for name in program.values if name not in program.constants}

    def _empty(self, name: str) -> Any:
        tensor = self.program.values[name]
        return tvm.runtime.tensor(np.zeros(tensor.shape, tensor.dtype))

    def _region(self, steps: list[Step]) -> _Segment:
        written = {name for step in steps for name in step.outputs}
        read = [name for step in steps for name in step.inputs if name not in written]
        inputs = tuple(dict.fromkeys(read))
        outputs = tuple(name for step in steps for name in step.outputs)
        values = {name: self.program.values[name] for name in (*inputs, *outputs)}
        part = Program(self.program.chip, values, inputs, outputs, tuple(steps))
        module = build_region(part, "observed", observe=True)
        return _Segment(module["observed"], inputs, outputs)

    def _native(self, step: Step) -> _Segment:
        assert isinstance(step.operator, Native)
        function = step.operator.function.with_attr("global_symbol", "native")
        module = tvm.tirx.build(tvm.IRModule({"native": function}), target="llvm")
        return _Segment(module["native"], step.inputs, step.outputs)


def _runs(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps grouped: neighbouring operators together, each native function on its own."""
    groups: list[list[Step]] = []
    for step in steps:
        native = isinstance(step.operator, Native)
        if groups and not native and not isinstance(groups[-1][-1].operator, Native):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups
