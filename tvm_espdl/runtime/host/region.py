"""A program of operators as functions of a module: its body, and the doors that lead to it.

It decides which kernel is called when, by the memory plan, and on how many threads; it never
computes a value itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.script.ir_builder import IRBuilder
from tvm.target import Target
from tvm.tirx.script import builder as T

from ...ops import Operator
from ...ops.base.ccall import Needs
from ...ops.base.rounding import Array
from ...program import Program, Step
from ...program.memory import Place, plan
from . import cpu
from .constants import ALIGNMENT, address_function, llvm_ir
from .kernel import HostKernel

# Once kernels are inlined, LLVM believes that their buffers never share memory (TVM marks each
# with a type of its own) and could read a value before it is written. Nothing moves across this
# statement: it does nothing, but claims to read and write all memory, the arena included.
_FENCE = """
define linkonce_odr hidden i32 @{name}(ptr %memory) alwaysinline {{
  call void asm sideeffect "", "r,~{{memory}}"(ptr %memory)
  ret i32 0
}}
"""

#: TVM's number of the kind of device.
CPU = 1

#: With this attribute, TVM makes a function as C has it, without a door of its own.
C_FUNCTION = {"calling_conv": 1}

#: Work that is worth a task of the thread pool, which takes some microseconds to hand one out:
#: multiply-accumulates, and bytes that are moved, each as `_WORK_PER_BYTE` of them.
TASK_WORK = 1 << 21
_WORK_PER_BYTE = 8
MOST_TASKS = 32

#: Bytes of working memory that the tasks of one step may take together.
MOST_SCRATCH = 1 << 22


@dataclass(frozen=True, eq=False)
class Call:
    """A kernel of a module.

    Attributes
    ----------
    kernel : HostKernel
        With the constants of one call.
    variable : tvm.ir.GlobalVar
        Its function in the module, which equal kernels share.
    """

    kernel: HostKernel
    variable: Any

    @property
    def symbol(self) -> str:
        """Symbol of the function."""
        return str(self.variable.name_hint)

    @property
    def all_parts(self) -> tuple[int, ...]:
        """The last arguments that let it compute the whole output."""
        return (0, self.kernel.parts) if self.kernel.parts > 1 else ()


def tasks_of(step: Step, kernel: HostKernel) -> int:
    """Into how many tasks a step is divided where there are several threads; 1: it is not."""
    operator = step.operator
    assert isinstance(operator, Operator)
    work = operator.macs + _WORK_PER_BYTE * operator.bytes_moved
    most = min(kernel.parts, MOST_TASKS, work // TASK_WORK)
    if kernel.scratch:
        most = min(most, MOST_SCRATCH // kernel.scratch)
    return max(most, 1)


class Region:
    """The functions of one program of operators.

    Attributes
    ----------
    symbol : str
        Of the function that takes DLTensors: inputs, then outputs. It runs on one thread.
    many : str
        Of the function that takes the number of samples, whether TVM's pool of threads may be used,
        and pointers to all samples of each input, then of each output.
    uses_threads : bool
        Whether there are tasks for the pool.
    """

    def __init__(
        self, program: Program, symbol: str, calls: Sequence[Call], target: Target
    ) -> None:
        self.program, self.symbol, self.calls = program, symbol, calls
        self._target, self._cpu = target, cpu.llvm_text(target)
        self.many = f"{symbol}_many"
        steps = zip(program.steps, calls, strict=True)
        self._tasks = [tasks_of(step, call.kernel) for step, call in steps]
        # Results lie beside the inputs: kernels are told that they share no memory.
        needs = {
            number: Needs(_aligned(call.kernel.scratch) * tasks, alignment=ALIGNMENT)
            for number, (call, tasks) in enumerate(zip(calls, self._tasks, strict=True))
        }
        self.plan = plan(program, needs, alignment=ALIGNMENT)
        self._values = (*program.inputs, *program.outputs)
        self._arrays: list[Array] = []
        self._buffers: dict[tuple[str, int], Any] = {}

    @property
    def uses_threads(self) -> bool:
        """Whether a step is divided into tasks."""
        return any(tasks > 1 for tasks in self._tasks)

    def functions(self) -> dict[str, Any]:
        """All functions by their symbols."""
        body = f"{self.symbol}_body"
        return {body: self._body(body), self.symbol: self._door(body), self.many: self._many(body)}

    def _door(self, body: str) -> Any:
        """The function of one sample; shapes and types are checked."""
        with IRBuilder() as builder, T.prim_func():
            T.func_attr({"global_symbol": self.symbol})
            self._check_cpu()
            tensors = [self.program.values[name] for name in self._values]
            buffers = [
                # Users' arrays begin anywhere; without this, LLVM relies on 64 bytes.
                T.arg(f"p{n}", T.buffer(tensor.shape, tensor.dtype, align=1))
                for n, tensor in enumerate(tensors)
            ]
            _checked(body, *(buffer.data for buffer in buffers), *self._arena(), 0)
        return builder.get()

    def _many(self, body: str) -> Any:
        """The function of many samples."""
        with IRBuilder() as builder, T.prim_func():
            T.func_attr({"global_symbol": self.many})
            self._check_cpu()
            count, threads = T.arg("count", T.int64()), T.arg("threads", T.int32())
            tensors = [self.program.values[name] for name in self._values]
            pointers = [T.arg(f"p{n}", T.handle(t.dtype)) for n, t in enumerate(tensors)]
            samples = [
                T.decl_buffer((max(tensor.size, 1) * count,), tensor.dtype, data=pointer)
                for tensor, pointer in zip(tensors, pointers, strict=True)
            ]
            # Elsewhere, TVM takes the device from the first DLTensor.
            with T.attr(0, "device_type", CPU), T.attr(0, "device_id", 0):
                arena = self._arena()
                with T.serial(count) as number:
                    places = [
                        T.address_of(buffer[number * tensor.size])
                        for buffer, tensor in zip(samples, tensors, strict=True)
                    ]
                    _checked(body, *places, *arena, threads)
        return builder.get()

    def _check_cpu(self) -> None:
        """An error where the code would end the process."""
        if self._cpu:
            lacks = T.call_extern("int32", cpu.LACKS)
            problem = f"the code needs the CPU {cpu.said(self._target)}; this PC lacks some of it: "
            advice = "compile the network there, or for an older CPU, by mcpu of the target"
            with T.Assert(lacks == 0, problem + advice):
                pass

    def _arena(self) -> list[Any]:
        """The argument that is the arena, where there is one."""
        size = self.plan.arena_bytes
        return [T.alloc_buffer((size,), "int8").data] if size else []

    def _body(self, symbol: str) -> Any:
        """All calls; pointers to inputs, outputs and the arena, and whether to use threads."""
        program = self.program
        with IRBuilder() as builder, T.prim_func():
            T.func_attr({"global_symbol": symbol, **C_FUNCTION})
            # TVM leaves a function that has tasks with another number where one of them failed.
            T.func_ret(T.int32().ty)
            kinds = [("input", name) for name in program.inputs]
            kinds += [("output", name) for name in program.outputs]
            pointers = [
                T.arg(f"p{n}", T.handle(program.values[name].dtype))
                for n, (_, name) in enumerate(kinds)
            ]
            arena = [T.arg("arena", T.handle("int8"))] if self.plan.arena_bytes else []
            threads = T.arg("threads", T.int32())
            for n, ((kind, name), pointer) in enumerate(zip(kinds, pointers, strict=True)):
                at = n if kind == "input" else n - len(program.inputs)
                tensor = program.values[name]
                shape = (max(tensor.size, 1),)
                self._buffers[kind, at] = T.decl_buffer(shape, tensor.dtype, data=pointer)
            if arena:
                shape = (self.plan.arena_bytes,)
                self._buffers["arena", 0] = T.decl_buffer(shape, "int8", data=arena[0])
            self._emit(threads)
            T.Return(T.int32(0))
        return builder.get()

    def _emit(self, threads: Any) -> None:
        """The calls, with all constants as LLVM's text."""
        program = self.program
        constants = [*map(self._constant, program.constants.values())]
        places = {
            value: constants[place.index] if place.kind == "constant" else self._at(place)
            for value, place in self.plan.places.items()
        }
        needed = [n for n, s in enumerate(program.steps) if not self.plan.is_alias(s)]
        arguments = {number: self._arguments(number, places) for number in needed}
        text = llvm_ir(self.symbol, self._arrays) + _FENCE.format(name=self._fence) + self._cpu
        with T.attr(0, "pragma_import_llvm", text):
            for number in needed:
                self._call(number, arguments[number], threads)
                written = places[program.steps[number].outputs[0]]
                memory = self._at(Place("arena", 0)) if self.plan.arena_bytes else written
                T.evaluate(T.call_extern("int32", self._fence, memory))

    def _call(self, number: int, arguments: list[Any], threads: Any) -> None:
        """One step, in tasks where it is large and there are threads."""
        call, tasks = self.calls[number], self._tasks[number]
        workspace = self.plan.workspaces[number]

        def memory(task: Any) -> list[Any]:
            if workspace is None:
                return []
            return [self._at(workspace, task * _aligned(call.kernel.scratch))]

        if tasks == 1:
            T.evaluate(call.variable(*arguments, *memory(0), *call.all_parts))
            return
        parts = call.kernel.parts
        with T.If(threads != 0):
            with T.Then(), T.parallel(tasks) as task:
                limits = task * parts // tasks, (task + 1) * parts // tasks
                T.evaluate(call.variable(*arguments, *memory(task), *limits))
            with T.Else():
                T.evaluate(call.variable(*arguments, *memory(0), *call.all_parts))

    @property
    def _fence(self) -> str:
        return f"{self.symbol}_fence"

    def _constant(self, array: Array) -> Any:
        self._arrays.append(array)
        return T.call_extern("handle", address_function(self.symbol, len(self._arrays) - 1))

    def _at(self, place: Place, beyond: Any = 0) -> Any:
        """A pointer into a buffer, `beyond` bytes behind a place in the arena."""
        buffer = self._buffers[place.kind, place.index]
        element = place.offset // np.dtype(str(buffer.dtype)).itemsize
        return T.address_of(buffer[element + beyond])

    def _arguments(self, number: int, places: Mapping[str, Any]) -> list[Any]:
        """Of a step: inputs, constants, result."""
        step, kernel = self.program.steps[number], self.calls[number].kernel
        constants = map(self._constant, kernel.constants)
        return [*(places[name] for name in step.inputs), *constants, places[step.outputs[0]]]


def _checked(body: str, *arguments: Any) -> None:
    """A call of a body, and an error where it failed."""
    done = T.call_extern("int32", body, *arguments)
    with T.Assert(done == 0, f"{body} failed"):
        pass


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
