"""One LLVM module under construction: every kernel once, and the doors by which they are called.

It decides which kernel is called when, by the memory plan; it never computes a value itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm.script.ir_builder import IRBuilder
from tvm.target import Target
from tvm.target.codegen import llvm_get_system_cpu
from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops.base.ccall import Needs
from ...ops.base.rounding import Array
from ...program import Native, Program, Step
from ...program.memory import Place, plan
from .constants import ALIGNMENT, address_function, llvm_ir
from .distinct import Distinct
from .kernel import HostKernel
from .kernels import kernel_of

# The pipeline without StorageRewrite, which would move local arrays out of their loops.
PIPELINE = "tirx"

# TVM's own functions are for any CPU: where it had fused multiply-adds, LLVM would use them, and
# their floats would be neither those of the chip nor those of an exported library elsewhere.
NATIVE_TARGET = "llvm"

# For these functions TVM writes formulas of its own into LLVM's code.
_FORMULAS = re.compile(r"\bT\.(tanh|tan|atanh)\(")

# Once kernels are inlined, LLVM believes that their buffers never share memory (TVM marks each
# with a type of its own) and could read a value before it is written. Nothing moves across this
# statement: it does nothing, but claims to read and write all memory, the arena included.
_FENCE = """
define linkonce_odr hidden i32 @{name}(ptr %memory) alwaysinline {{
  call void asm sideeffect "", "r,~{{memory}}"(ptr %memory)
  ret i32 0
}}
"""


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
    def door(self) -> str:
        """Symbol of the function that `HostModule.open` makes."""
        return f"run_{self.variable.name_hint}"

    @property
    def all_parts(self) -> tuple[int, ...]:
        """The last arguments that let it compute the whole output."""
        return (0, self.kernel.parts) if self.kernel.parts > 1 else ()


class HostModule:
    """Collects kernels and functions of TVM, then compiles all of them together.

    Attributes
    ----------
    target : tvm.target.Target
        Of kind llvm; its CPU decides which kernels there are.
    """

    def __init__(self, target: Target | str) -> None:
        self.target = Target(target)
        self._kernels, self._natives = Distinct(), Distinct()
        self._entries: dict[str, Any] = {}

    def call(self, step: Step, chip: Chip, name: str) -> Call:
        """Add an operator's kernel, called `name` if no equal one was added before."""
        if isinstance(step.operator, Native):
            raise TypeError(f"{name} is no operator")
        with self.target:
            kernel = kernel_of(step.operator, chip, step.constants)
        return Call(kernel, self._kernels.add(kernel.function, name))

    def native(self, function: Any) -> str:
        """Add a function of TVM; the symbol under which it takes DLTensors."""
        variable = self._natives.add(
            _with_math_of_c(function), f"native_{len(self._natives.functions)}"
        )
        return str(variable.name_hint)

    def open(self, call: Call) -> None:
        """Make a kernel callable: pointers in the order of its own parameters."""
        if call.door in self._entries:
            return
        with IRBuilder() as builder, T.prim_func():
            T.func_attr({"global_symbol": call.door})
            count = len(call.kernel.function.params) - len(call.all_parts)
            pointers = [T.arg(f"p{n}", T.handle("int8")) for n in range(count)]
            T.evaluate(call.variable(*pointers, *call.all_parts))
        self._entries[call.door] = builder.get()

    def region(self, program: Program, symbol: str, calls: Sequence[Call]) -> None:
        """Make a program of operators callable as one function.

        It takes the values of `program.inputs`, then those of `program.outputs`, as DLTensors, and
        writes the latter, each named once and computed by a step. Constants are in the module.
        """
        computed = {name for step in program.steps for name in step.outputs}
        outputs = {*program.outputs}
        if len(outputs) < len(program.outputs) or not outputs <= computed:
            raise ValueError(f"{symbol} gives a value twice, or one that no step computes")
        self._entries[symbol] = _Region(program, symbol, calls).function()

    def compile(self) -> tuple[tvm.runtime.Module | None, dict[str, Any]]:
        """The module, with those it imports, and its functions by their symbols."""
        natives = {
            variable.name_hint: function.with_attr("global_symbol", variable.name_hint)
            for variable, function in self._natives.functions
        }
        module = None
        functions: dict[str, Any] = {}
        if natives:
            module = tvm.tirx.build(tvm.IRModule(natives), target=Target(NATIVE_TARGET))
            functions |= {symbol: module[symbol] for symbol in natives}
        if self._entries:
            mod = tvm.IRModule({**self._entries, **dict(self._kernels.functions)})
            built: Any = tvm.tirx.build(mod, target=self.target, pipeline=PIPELINE)
            functions |= {symbol: built[symbol] for symbol in self._entries}
            if module is not None:
                built.import_module(module)
            module = built
        return module, functions


def build_regions(
    programs: Mapping[str, Program], target: Target | str = "llvm"
) -> tvm.runtime.Module:
    """Compile programs of operators into one module.

    Parameters
    ----------
    programs : mapping of str to Program
        By the symbols of their functions, which are as `HostModule.region` says.
    target : tvm.target.Target or str
        Of kind llvm.
    """
    module = HostModule(target)
    for symbol, program in programs.items():
        calls = [
            module.call(step, program.chip, f"{symbol}_{step.operator.name}_{number}")
            for number, step in enumerate(program.steps)
        ]
        module.region(program, symbol, calls)
    built, _ = module.compile()
    assert built is not None, "no program"
    return built


def host_target(target: Target | None) -> Target:
    """LLVM for the CPU that a target names with `mcpu`, else for the CPU of this PC."""
    given = target.attrs.get("mcpu") if target is not None else None
    return Target({"kind": "llvm", "mcpu": str(given or llvm_get_system_cpu())})


class _Region:
    """The packed function of one program."""

    def __init__(self, program: Program, symbol: str, calls: Sequence[Call]) -> None:
        self.program, self.symbol, self.calls = program, symbol, calls
        # LLVM relies on the alignment of buffers, and on results that lie beside the inputs.
        needs = {
            number: Needs(call.kernel.scratch, alignment=ALIGNMENT)
            for number, call in enumerate(calls)
        }
        self.plan = plan(program, needs, alignment=ALIGNMENT)
        self.arrays: list[Array] = []
        self.buffers: dict[tuple[str, int], Any] = {}

    def function(self) -> Any:
        """The function, with its constants as LLVM's text."""
        program = self.program
        with IRBuilder() as builder, T.prim_func():
            T.func_attr({"global_symbol": self.symbol})
            self.buffers = {
                (kind, n): self._argument(f"{kind[0]}{n}", value)
                for kind, values in (("input", program.inputs), ("output", program.outputs))
                for n, value in enumerate(values)
            }
            constants = [*map(self._constant, program.constants.values())]
            size = self.plan.arena_bytes
            if size:
                self.buffers["arena", 0] = T.alloc_buffer((size,), "int8")
            places = {
                value: constants[place.index] if place.kind == "constant" else self._at(place)
                for value, place in self.plan.places.items()
            }
            calls = [
                self._arguments(number, places)
                for number, step in enumerate(program.steps)
                if not self.plan.is_alias(step)
            ]
            text = llvm_ir(self.symbol, self.arrays) + _FENCE.format(name=self._fence)
            with T.attr(0, "pragma_import_llvm", text):
                for variable, arguments, written in calls:
                    T.evaluate(variable(*arguments))
                    memory = self._at(Place("arena", 0)) if size else written
                    T.evaluate(T.call_extern("int32", self._fence, memory))
        return builder.get()

    @property
    def _fence(self) -> str:
        return f"{self.symbol}_fence"

    def _argument(self, name: str, value: str) -> Any:
        tensor = self.program.values[value]
        return T.arg(name, T.buffer(tensor.shape, tensor.dtype))

    def _constant(self, array: Array) -> Any:
        self.arrays.append(array)
        return T.call_extern("handle", address_function(self.symbol, len(self.arrays) - 1))

    def _at(self, place: Place) -> Any:
        """A pointer into a buffer."""
        buffer = self.buffers[place.kind, place.index]
        if not place.offset and place.kind != "arena":
            return buffer.data
        shape = tuple(map(int, buffer.shape))
        element = place.offset // np.dtype(str(buffer.dtype)).itemsize
        return T.address_of(buffer[tuple(map(int, np.unravel_index(element, shape)))])

    def _arguments(self, number: int, places: Mapping[str, Any]) -> tuple[Any, list[Any], Any]:
        """Of a call: its function, all arguments, and the pointer to its result."""
        step, call = self.program.steps[number], self.calls[number]
        written = places[step.outputs[0]]
        constants = map(self._constant, call.kernel.constants)
        arguments = [*(places[name] for name in step.inputs), *constants, written]
        workspace = self.plan.workspaces[number]
        if workspace is not None:
            arguments.append(self._at(workspace))
        arguments += call.all_parts
        return call.variable, arguments, written


def _with_math_of_c(function: Any) -> Any:
    """The function with C's `tanhf`, where TVM has a formula of its own for LLVM.

    The chip's C calls `math.h`; the formulas differ from it, by hundreds of steps near zero.
    """
    if not _FORMULAS.search(str(function.script())):
        return function
    mod = tvm.IRModule({"main": function})
    # Divisions of indices are lowered with it, for the width that indices have in the end.
    passes = [
        tvm.tirx.transform.ForceNarrowIndexToInt32(),
        tvm.tirx.transform.BindTarget(Target("c")),
        tvm.tirx.transform.LowerIntrin(),
    ]
    return tvm.transform.Sequential(passes)(mod)["main"].without_attr("target")
