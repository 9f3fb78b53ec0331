"""Builds a program as one LLVM module with one packed function, in destination-passing style.

It decides where values live and which kernel is called when; it never computes a value itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tvm
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...ops.base.rounding import Array
from ...program import Native, Program
from .arena import Lifetime, place
from .constants import address_function, llvm_ir
from .distinct import Distinct
from .kernel import HostKernel, elementwise, flat
from .kernels import kernel_of

# The pipeline without StorageRewrite, which would move local arrays out of their loops.
PIPELINE = "tirx"

# Once kernels are inlined, LLVM believes that their buffers never share memory (TVM marks each
# with a type of its own) and could read a value before it is written. Nothing moves across this
# statement: it does nothing, but claims to read and write all memory, the arena included.
_FENCE = """
define linkonce_odr hidden i32 @{name}(ptr %memory) alwaysinline {{
  call void asm sideeffect "", "r,~{{memory}}"(ptr %memory)
  ret i32 0
}}
"""


def build_region(
    program: Program, symbol: str, *, observe: bool = False, target: Any = None
) -> tvm.runtime.Module:
    """Compile a program whose steps are all operators.

    Parameters
    ----------
    program : Program
        What to compile.
    symbol : str
        Name of the function, a C identifier; it takes the values of `program.inputs`, then those
        of `program.outputs`, as DLTensors, and writes the latter.
    observe : bool
        Give all values that a step writes instead of the outputs, in the order of the steps.
    target : tvm.target.Target or str, optional
        Of kind llvm; plain `llvm` without.
    """
    return build_regions({symbol: program}, observe=observe, target=target)


def build_regions(
    programs: Mapping[str, Program], *, observe: bool = False, target: Any = None
) -> tvm.runtime.Module:
    """Compile several programs into one module, by the symbols of their functions."""
    kernels = Distinct()
    drivers = {
        symbol: _Driver(program, symbol, observe, kernels).function()
        for symbol, program in programs.items()
    }
    module = tvm.IRModule({**drivers, **dict(kernels.functions)})
    target = tvm.target.Target("llvm" if target is None else target)
    return tvm.tirx.build(module, target=target, pipeline=PIPELINE)


def observed(program: Program) -> tuple[str, ...]:
    """The values that a region built with `observe` gives."""
    return tuple(name for step in program.steps for name in step.outputs)


@dataclass
class _Call:
    """One call of a kernel: names of values, arrays for constants, offsets for scratch memory."""

    kernel: HostKernel
    variable: Any
    inputs: tuple[str, ...]
    output: str
    scratch: list[int] = field(default_factory=list)


class _Driver:
    """The packed function of one program."""

    def __init__(self, program: Program, symbol: str, observe: bool, kernels: Distinct) -> None:
        self.program, self.symbol, self.kernels = program, symbol, kernels
        self.outputs = observed(program) if observe else program.outputs
        self.calls = [self._call(number) for number in range(len(program.steps))]
        self.offsets, self.arena = self._place()
        self.arrays: list[Array] = [a for call in self.calls for a in call.kernel.constants]
        self.known = {name: len(self.arrays) + n for n, name in enumerate(program.constants)}
        self.arrays += program.constants.values()

    def _call(self, number: int) -> _Call:
        step = self.program.steps[number]
        if isinstance(step.operator, Native):
            raise TypeError(f"step {number} of {self.symbol} is no operator")
        kernel = kernel_of(step.operator, self.program.chip, step.constants)
        name = f"{self.symbol}_{step.operator.name}_{number}"
        variable = self.kernels.add(kernel.function, name)
        return _Call(kernel, variable, step.inputs, step.outputs[0])

    def _place(self) -> tuple[dict[str, int], int]:
        """Offsets of all values that are neither inputs nor outputs, and of scratch memory."""
        outside = {*self.program.inputs, *self.outputs}
        last = {n: at for at, call in enumerate(self.calls) for n in (*call.inputs, call.output)}
        names: list[str | _Call] = []
        lifetimes = []
        for at, call in enumerate(self.calls):
            if call.output not in outside:
                names.append(call.output)
                size = self.program.values[call.output].nbytes
                lifetimes.append(Lifetime(size, at, last[call.output]))
            if call.kernel.scratch:
                names.append(call)
                lifetimes.append(Lifetime(call.kernel.scratch, at, at))
        offsets, arena = place(lifetimes)
        found = {}
        for name, offset in zip(names, offsets, strict=True):
            if isinstance(name, str):
                found[name] = offset
            else:
                name.scratch.append(offset)
        return found, arena

    def function(self) -> Any:
        """The driver."""
        with IRBuilder() as builder, T.prim_func():
            T.func_attr({"global_symbol": self.symbol})
            inputs = [self._argument(f"i{n}", v) for n, v in enumerate(self.program.inputs)]
            outputs = [self._argument(f"o{n}", v) for n, v in enumerate(self.outputs)]
            # A value that is given several times lives where it is given first.
            places = dict(zip(reversed(self.outputs), reversed(outputs), strict=True))
            places.update(zip(reversed(self.program.inputs), reversed(inputs), strict=True))
            arena: Any = T.alloc_buffer((self.arena,), "int8") if self.arena else None
            places.update({n: T.address_of(arena[o]) for n, o in self.offsets.items()})
            for name, number in self.known.items():
                places[name] = T.call_extern("handle", address_function(self.symbol, number))
            text = llvm_ir(self.symbol, self.arrays) + _FENCE.format(name=self._fence)
            with T.attr(0, "pragma_import_llvm", text):
                self._emit(places, arena)
            for name, output in zip(self.outputs, outputs, strict=True):
                if places[name] is not output:
                    T.evaluate(self._copy(name)(places[name], output))
        return builder.get()

    @property
    def _fence(self) -> str:
        return f"{self.symbol}_fence"

    def _argument(self, name: str, value: str) -> Any:
        tensor = self.program.values[value]
        return T.arg(name, T.buffer(tensor.shape, tensor.dtype)).data

    def _emit(self, places: dict[str, Any], arena: Any) -> None:
        constant = 0
        for call in self.calls:
            constants = []
            for _ in call.kernel.constants:
                symbol = address_function(self.symbol, constant)
                constants.append(T.call_extern("handle", symbol))
                constant += 1
            scratch = [T.address_of(arena[offset]) for offset in call.scratch]
            inputs = [places[name] for name in call.inputs]
            T.evaluate(call.variable(*inputs, *constants, places[call.output], *scratch))
            memory = T.address_of(arena[0]) if self.arena else places[call.output]
            T.evaluate(T.call_extern("int32", self._fence, memory))

    def _copy(self, value: str) -> Any:
        tensor = flat(self.program.values[value])
        function = elementwise(tensor, tensor, lambda element: element).function
        return self.kernels.add(function, f"{self.symbol}_copy_{value}")
