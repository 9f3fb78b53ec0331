"""Runs programs on the PC: at full speed, or watched step by step, with the same kernels.

Everything is compiled once, by `build`; running compiles nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import tvm
from tvm_ffi import from_dlpack

from ..ops import Tensor
from ..ops.base.rounding import Array
from ..program import Native, Program, Step
from .host import Call, HostModule
from .host.constants import ALIGNMENT
from .making import one_at_a_time

#: Sees each value as a step has written it; what it returns, the steps after it read instead.
Watch = Callable[[str, Array], Array | None]


@dataclass(frozen=True)
class Segment:
    """Consecutive steps as one function of a module, which takes DLTensors.

    Attributes
    ----------
    symbol : str
        Of the function.
    inputs, outputs : tuple of str
        Names of the values that it reads and writes, in the order of its arguments.
    """

    symbol: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Executor:
    """A compiled program; `build` makes it.

    It keeps nothing between runs, which may take place in several threads at once.

    Attributes
    ----------
    program : Program
        The whole network.
    module : tvm.runtime.Module or None
        Holds the functions of all programs that were built together; None where no step needs one.
    segments : tuple of Segment
        All steps, in the order of execution; none where the program was built for its steps only.
    """

    def __init__(
        self,
        program: Program,
        module: tvm.runtime.Module | None,
        functions: Mapping[str, Any],
        calls: Sequence[Call | str],
        segments: tuple[Segment, ...],
    ) -> None:
        self.program = program
        self.module = module
        self.segments = segments
        self._functions = functions
        self._calls = calls
        self._begin = (*program.inputs, *(state.value for state in program.states))
        self._end = (*program.outputs, *(state.next for state in program.states))

    def run(
        self,
        inputs: Sequence[Array],
        states: Sequence[Array] = (),
        watch: Watch | None = None,
    ) -> tuple[list[Array], list[Array]]:
        """Run the network once.

        Parameters
        ----------
        inputs, states : sequence of numpy.ndarray
            One for each of the program's inputs and states, of their types.
        watch : callable, optional
            Sees every value that a step writes, as the chip holds it, and may replace it by another
            of its type.

        Returns
        -------
        tuple of list of numpy.ndarray
            The outputs, and the states of the next run.
        """
        values = dict(zip(self._begin, (*inputs, *states), strict=True)) | self._constants
        if watch is None and self.segments:
            for segment, dead in zip(self.segments, self._dead_after_segments, strict=True):
                self._run_segment(segment, values)
                for name in dead:
                    del values[name]
            return self._results(values)
        for number, dead in enumerate(self._dead_after_steps):
            for name, array in self._written(number, values).items():
                instead = watch(name, array) if watch is not None else None
                values[name] = array if instead is None else instead
            for name in dead:
                del values[name]
        return self._results(values)

    def values(self, inputs: Sequence[Array], states: Sequence[Array] = ()) -> dict[str, Array]:
        """Every value of one run by its name, inputs and states included, constants not."""
        found = dict(zip(self._begin, (*inputs, *states), strict=True))
        self.run(inputs, states, found.__setitem__)
        return {name: found[name] for name in self.program.values if name in found}

    def _results(self, values: Mapping[str, Array]) -> tuple[list[Array], list[Array]]:
        """Each result in memory of its own."""
        given = {*self._begin, *self._constants}
        results = []
        for name in self._end:
            results.append(values[name].copy() if name in given else values[name])
            given.add(name)
        count = len(self.program.outputs)
        return results[:count], results[count:]

    def _run_segment(self, segment: Segment, values: dict[str, Array]) -> None:
        for name in segment.outputs:
            values[name] = _empty(self.program.values[name])
        for name in segment.inputs:
            values[name] = _readable(values[name])
        read = [values[name] for name in segment.inputs]
        _call(self._functions[segment.symbol], read, [values[name] for name in segment.outputs])

    def _written(self, number: int, values: Mapping[str, Array]) -> dict[str, Array]:
        """What a step writes."""
        step, call = self.program.steps[number], self._calls[number]
        written = {name: _empty(self.program.values[name]) for name in step.outputs}
        arrays = [*(_readable(values[name]) for name in step.inputs)]
        if isinstance(call, str):
            _call(self._functions[call], arrays, list(written.values()))
            return written
        arrays += [*self._packed[number], *written.values()]
        if call.kernel.scratch:
            arrays.append(_memory(call.kernel.scratch))
        pointers = (ctypes.c_void_p(array.ctypes.data) for array in arrays)
        self._functions[call.door](*pointers)
        return written

    @cached_property
    def _constants(self) -> dict[str, Array]:
        return {name: _readable(array) for name, array in self.program.constants.items()}

    @cached_property
    def _packed(self) -> list[list[Array]]:
        """For each step, the constants that its kernel takes."""
        return [
            [] if isinstance(call, str) else list(map(_readable, call.kernel.constants))
            for call in self._calls
        ]

    @cached_property
    def _dead_after_segments(self) -> list[list[str]]:
        return _dead_after(self.segments, self._end)

    @cached_property
    def _dead_after_steps(self) -> list[list[str]]:
        return _dead_after(self.program.steps, self._end)


def _dead_after(units: Sequence[Segment | Step], results: Sequence[str]) -> list[list[str]]:
    """For each unit, the values that nobody needs after it."""
    last: dict[str, int] = {}
    for number, unit in enumerate(units):
        last |= dict.fromkeys((*unit.inputs, *unit.outputs), number)
    dead: list[list[str]] = [[] for _ in units]
    for name in last.keys() - set(results):
        dead[last[name]].append(name)
    return dead


@one_at_a_time
def build(
    programs: Sequence[Program], target: tvm.target.Target | str = "llvm", *, segments: bool = True
) -> list[Executor]:
    """Compile programs into one module; each kernel that they have in common only once.

    Parameters
    ----------
    programs : sequence of Program
        Whole networks.
    target : tvm.target.Target or str
        Of kind llvm. TVM's own functions are compiled for any CPU of that kind.
    segments : bool
        Whether to make functions of whole segments, constants included. Without them the programs
        take less time to compile and more to run: for variants that run a few times.
    """
    module = HostModule(target)
    calls = [_calls(program, module, f"net{n}") for n, program in enumerate(programs)]
    parts = [
        _segments(program, module, its, f"net{n}") if segments else ()
        for n, (program, its) in enumerate(zip(programs, calls, strict=True))
    ]
    built, functions = module.compile()
    return [
        Executor(program, built, functions, its, part)
        for program, its, part in zip(programs, calls, parts, strict=True)
    ]


def _calls(program: Program, module: HostModule, prefix: str) -> list[Call | str]:
    """For each step its kernel, with a door, or the symbol of TVM's function."""
    found: list[Call | str] = []
    for number, step in enumerate(program.steps):
        if isinstance(step.operator, Native):
            found.append(module.native(step.operator.function))
            continue
        call = module.call(step, program.chip, f"{prefix}_{step.operator.name}_{number}")
        module.open(call)
        found.append(call)
    return found


def _segments(
    program: Program, module: HostModule, calls: Sequence[Call | str], prefix: str
) -> tuple[Segment, ...]:
    """Neighbouring operators together, each of TVM's functions on its own."""
    units = zip(program.steps, calls, range(len(calls)), strict=True)
    runs = groupby(units, lambda unit: unit[2] if isinstance(unit[1], str) else "operators")
    found: list[Segment] = []
    needed = {*program.outputs, *(state.next for state in program.states)}
    for steps, its, (first, *_) in reversed([tuple(zip(*run, strict=True)) for _, run in runs]):
        written = dict.fromkeys(name for step in steps for name in step.outputs)
        read = dict.fromkeys(name for step in steps for name in step.inputs if name not in written)
        if isinstance(its[0], str):
            found.append(Segment(its[0], steps[0].inputs, steps[0].outputs))
        else:
            outputs = tuple(name for name in written if name in needed)
            segment = Segment(f"{prefix}_from_{first}", tuple(read), outputs)
            part = Program(program.chip, program.values, segment.inputs, outputs, steps)
            module.region(part, segment.symbol, its)
            found.append(segment)
        needed |= read.keys()
    return tuple(reversed(found))


def _call(function: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
    """Call one of TVM's functions, which writes into `outputs`."""
    tensors = [_lent(array) for array in (*inputs, *outputs)]
    function(*tensors)
    for array, tensor in zip(outputs, tensors[len(inputs) :], strict=True):
        if not _is_lendable(array):
            array[...] = tensor.numpy()


def _is_lendable(array: Array) -> bool:
    """DLPack of NumPy knows no bfloat16, and no strides that TVM takes of an empty array."""
    return array.dtype.kind != "V" and array.size > 0


def _lent(array: Array) -> Any:
    return from_dlpack(array) if _is_lendable(array) else tvm.runtime.tensor(array)


def _memory(size: int) -> Array:
    """Bytes that begin where any kernel takes them."""
    whole = np.empty(size + ALIGNMENT, np.uint8)
    begin = -whole.ctypes.data % ALIGNMENT
    return whole[begin : begin + size]


def _empty(tensor: Tensor) -> Array:
    return _memory(tensor.nbytes).view(tensor.dtype).reshape(tensor.shape)


def _readable(array: Array) -> Array:
    """The array itself where a function can take it, else a copy."""
    flags = array.flags
    if flags.c_contiguous and flags.writeable and array.ctypes.data % ALIGNMENT == 0:
        return array
    copy = _memory(array.nbytes).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
