"""Runs programs on the PC: at full speed, or watched step by step, with the same kernels.

Everything is compiled once, by `build`; running compiles nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import tvm

from ..ops.base.rounding import Array
from ..program import Program, Step
from .buffers import call, empty, memory, readable
from .direct import Direct, begin_and_end
from .host import Call, HostModule
from .host.module import ADDRESS_OF_KERNEL
from .making import MAKING, one_at_a_time
from .segments import Segment, calls_of, segments_of
from .threads import Chooser

#: Sees each value as a step has written it; what it returns, the steps after it read instead.
Watch = Callable[[str, Array], Array | None]


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
        symbols: Iterable[str],
        make_calls: Callable[[], Sequence[tuple[Call, int] | str]],
        segments: tuple[Segment, ...],
    ) -> None:
        self.program = program
        self.module = module
        self.segments = segments
        # TVM compiles to machine code what is asked for.
        self._functions = (
            {symbol: module.get_function(symbol, True) for symbol in symbols} if module else {}
        )
        self._make_calls = make_calls
        self._begin, self._end = begin_and_end(program)

    @cached_property
    def _calls(self) -> Sequence[tuple[Call, int] | str]:
        """For each step its kernel and the number of that, or the symbol of TVM's function."""
        with MAKING:
            return self._make_calls()

    @cached_property
    def _choosers(self) -> dict[str, Chooser]:
        return {segment.symbol: Chooser() for segment in self.segments}

    @cached_property
    def direct(self) -> Direct | None:
        """The program as one compiled function, where it is one."""
        if not Direct.suits(self.program, self.segments):
            return None
        return Direct(self.program, self.segments[0], self._functions)

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
        if watch is None and self.direct is not None:
            results = self.direct.run((*inputs, *states))
            count = len(self.program.outputs)
            return results[:count], results[count:]
        values = dict(zip(self._begin, (*inputs, *states), strict=True)) | self._constants
        if watch is None and self.segments:
            for segment, dead in zip(self.segments, self._dead_after_segments, strict=True):
                self._run_segment(segment, values)
                for name in dead:
                    del values[name]
            return self._split(values)
        for number, dead in enumerate(self._dead_after_steps):
            for name, array in self._written(number, values).items():
                instead = watch(name, array) if watch is not None else None
                values[name] = array if instead is None else instead
            for name in dead:
                del values[name]
        return self._split(values)

    def values(self, inputs: Sequence[Array], states: Sequence[Array] = ()) -> dict[str, Array]:
        """Every value of one run by its name, inputs and states included, constants not."""
        found = dict(zip(self._begin, (*inputs, *states), strict=True))
        self.run(inputs, states, found.__setitem__)
        return {name: found[name] for name in self.program.values if name in found}

    def step_values(self, step: Step, arrays: Sequence[Array]) -> dict[str, Array]:
        """What one call of the program writes, of any inputs of its types."""
        number = next(n for n, own in enumerate(self.program.steps) if own.outputs == step.outputs)
        own = self.program.steps[number]
        return self._written(number, dict(zip(own.inputs, arrays, strict=True)))

    def _split(self, values: Mapping[str, Array]) -> tuple[list[Array], list[Array]]:
        """Outputs and states, each in memory of its own."""
        given = {*self._begin, *self._constants}
        results = []
        for name in self._end:
            results.append(values[name].copy() if name in given else values[name])
            given.add(name)
        count = len(self.program.outputs)
        return results[:count], results[count:]

    def _run_segment(self, segment: Segment, values: dict[str, Array]) -> None:
        for name in segment.outputs:
            values[name] = empty(self.program.values[name])
        for name in segment.inputs:
            values[name] = readable(values[name])
        read = [values[name] for name in segment.inputs]
        written = [values[name] for name in segment.outputs]
        function = self._functions[segment.symbol]
        if not segment.uses_threads:
            call(function, read, written)
            return
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*read, *written)]
        many = self._functions[segment.many]
        self._choosers[segment.symbol].run(
            lambda: many(1, 1, *pointers), lambda: call(function, read, written)
        )

    def _written(self, number: int, values: Mapping[str, Array]) -> dict[str, Array]:
        """What a step writes."""
        step, its = self.program.steps[number], self._calls[number]
        written = {name: empty(self.program.values[name]) for name in step.outputs}
        arrays = [*(readable(values[name]) for name in step.inputs)]
        if isinstance(its, str):
            call(self._functions[its], arrays, list(written.values()))
            return written
        kernel = its[0].kernel
        arrays += [*self._packed[number], *written.values()]
        if kernel.scratch:
            arrays.append(memory(kernel.scratch))
        self._kernels[number](*(array.ctypes.data for array in arrays), *its[0].all_parts)
        return written

    @cached_property
    def _kernels(self) -> list[Any]:
        """For each step its kernel as a function of pointers and parts; None for TVM's functions.

        Such calls run without Python's lock.
        """
        return [None if isinstance(its, str) else self._kernel(*its) for its in self._calls]

    def _kernel(self, its: Call, number: int) -> Any:
        parts = its.all_parts
        pointers = [ctypes.c_void_p] * (len(its.kernel.function.params) - len(parts))
        prototype = ctypes.CFUNCTYPE(None, *pointers, *(ctypes.c_int32 for _ in parts))
        return prototype(self._functions[ADDRESS_OF_KERNEL](number))

    @cached_property
    def _constants(self) -> dict[str, Array]:
        return {name: readable(array) for name, array in self.program.constants.items()}

    @cached_property
    def _packed(self) -> list[list[Array]]:
        """For each step, the constants that its kernel takes."""
        return [
            [] if isinstance(its, str) else list(map(readable, its[0].kernel.constants))
            for its in self._calls
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
    calls = [calls_of(program, module, f"net{n}") for n, program in enumerate(programs)]
    parts = [
        segments_of(program, module, its, f"net{n}") if segments else ()
        for n, (program, its) in enumerate(zip(programs, calls, strict=True))
    ]
    built = module.compile()
    return [
        Executor(program, built, module.symbols, partial(numbered, module, its), part)
        for program, its, part in zip(programs, calls, parts, strict=True)
    ]


def numbered(module: HostModule, calls: Sequence[Call | str]) -> list[tuple[Call, int] | str]:
    """The calls with the numbers under which the module knows their kernels."""
    return [its if isinstance(its, str) else (its, module.open(its)) for its in calls]
