"""Variants of one network, compiled together: what they have in common is compiled once.

The same kernels as in the library; only who calls them differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm

from ..codegen.program import Native, Program, Step
from ..ops.rounding import Array
from .host import build_regions


@dataclass(frozen=True, eq=False)
class _Segment:
    """Consecutive steps that run as one function.

    Attributes
    ----------
    steps : tuple of Step
        Operators, or one native function.
    inputs, outputs : tuple of str
        Values that the function reads and writes, in the order of its arguments.
    """

    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def is_native(self) -> bool:
        """Whether TVM compiles it."""
        return isinstance(self.steps[0].operator, Native)

    def part(self, program: Program) -> Program:
        """The segment as a program of its own."""
        written = (name for step in self.steps for name in step.outputs)
        values = {name: program.values[name] for name in (*self.inputs, *written)}
        return Program(program.chip, values, self.inputs, self.outputs, self.steps)


class Variant:
    """A network that runs; `build_variants` makes it.

    Attributes
    ----------
    program : Program
        The whole network.
    """

    def __init__(self, program: Program, calls: Sequence[tuple[_Segment, Any]]) -> None:
        self.program = program
        self._calls = tuple(calls)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The network's outputs.

        Parameters
        ----------
        inputs : sequence of numpy.ndarray
            One for each of the program's inputs.
        """
        values = dict(zip(self.program.inputs, inputs, strict=True)) | dict(self.program.constants)
        for segment, function in self._calls:
            written = {name: self._empty(name) for name in segment.outputs}
            read = [values[name] for name in segment.inputs]
            fed = [tvm.runtime.tensor(np.array(array, order="C")) for array in read]
            function(*fed, *written.values())
            values |= {name: tensor.numpy() for name, tensor in written.items()}
        return [values[name] for name in self.program.outputs]

    def _empty(self, name: str) -> Any:
        tensor = self.program.values[name]
        return tvm.runtime.tensor(np.zeros(tensor.shape, tensor.dtype))


def build_variants(programs: Sequence[Program], target: Any = "llvm") -> list[Variant]:
    """Compile programs.

    Parameters
    ----------
    programs : sequence of Program
        Whole networks without states, of one chip.
    target : tvm.target.Target or str
        Of kind llvm.
    """
    target = tvm.target.Target(target)
    divided = [_segments(program) for program in programs]
    parts = {
        f"variant_{number}_{place}": segment.part(program)
        for number, program in enumerate(programs)
        for place, segment in enumerate(divided[number])
        if not segment.is_native
    }
    module: Any = build_regions(parts, target=target) if parts else None
    return [
        Variant(
            program,
            [
                (
                    segment,
                    _native(segment, target)
                    if segment.is_native
                    else module[f"variant_{number}_{place}"],
                )
                for place, segment in enumerate(divided[number])
            ],
        )
        for number, program in enumerate(programs)
    ]


def _segments(program: Program) -> list[_Segment]:
    """Neighbouring operators together, each native function on its own."""
    numbered = itertools.groupby(
        enumerate(program.steps, 1),
        lambda entry: entry[0] if isinstance(entry[1].operator, Native) else 0,
    )
    groups = [tuple(step for _, step in group) for _, group in numbered]
    segments: list[_Segment] = []
    needed = set(program.outputs)
    for steps in reversed(groups):
        written = [name for step in steps for name in step.outputs]
        read = [name for step in steps for name in step.inputs]
        if isinstance(steps[0].operator, Native):
            inputs, outputs = tuple(read), tuple(written)
        else:
            inputs = tuple(dict.fromkeys(name for name in read if name not in written))
            outputs = tuple(name for name in written if name in needed)
        segments.append(_Segment(steps, inputs, outputs))
        needed.update(inputs)
    return segments[::-1]


def _native(segment: _Segment, target: Any) -> Any:
    native = segment.steps[0].operator
    assert isinstance(native, Native)
    function = native.function.with_attr("global_symbol", "native")
    return tvm.tirx.build(tvm.IRModule({"native": function}), target=target)["native"]
