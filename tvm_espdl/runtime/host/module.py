"""One LLVM module under construction: every kernel once, and the programs that call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tvm
from tvm.script.ir_builder import IRBuilder
from tvm.target import Target
from tvm.tirx.script import builder as T

from ...chips import Chip
from ...program import Native, Program, Step
from . import cpu
from .distinct import Distinct
from .kernels import kernel_of
from .limiting import limiting
from .natives import native_function, native_target
from .region import C_FUNCTION, Call, Region

# The pipeline without StorageRewrite, which would move local arrays out of their loops.
PIPELINE = "tirx"

#: LLVM's level: the next one takes a sixth longer and makes slower code of the same kernels.
LEVEL = 2

#: Symbol of the function from the number of a kernel to its address.
ADDRESS_OF_KERNEL = "address_of_kernel"

_ADDRESSES = """
{declarations}
@espdl_kernels = internal constant [{count} x ptr] [{pointers}]
define linkonce_odr hidden i64 @espdl_address_of_kernel(i32 %number) {{
  %place = getelementptr inbounds [{count} x ptr], ptr @espdl_kernels, i32 0, i32 %number
  %kernel = load ptr, ptr %place
  %address = ptrtoint ptr %kernel to i64
  ret i64 %address
}}
"""


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
        self._functions: dict[str, Any] = {}
        self._doors: list[str] = []
        self._opened: dict[str, int] = {}

    def call(self, step: Step, chip: Chip, name: str, *, limits: bool = False) -> Call:
        """Add an operator's kernel, called `name` if no equal one was added before.

        With `limits`, it limits its results (`limiting`).
        """
        if isinstance(step.operator, Native):
            raise TypeError(f"{name} is no operator")
        with self.target:
            kernel = kernel_of(step.operator, chip, step.constants)
            if limits:
                kernel = limiting(kernel, len(step.inputs), step.operator.output)
        return Call(kernel, self._kernels.add(kernel.function, name))

    def native(self, function: Any) -> str:
        """Add a function of TVM; the symbol under which it takes DLTensors."""
        name = f"native_{len(self._natives.functions)}"
        variable = self._natives.add(native_function(function, self.target), name)
        return str(variable.name_hint)

    def open(self, call: Call) -> int:
        """Make a kernel callable from outside; its number for `ADDRESS_OF_KERNEL`."""
        return self._opened.setdefault(call.symbol, len(self._opened))

    def region(self, program: Program, symbol: str, calls: Sequence[Call]) -> Region:
        """Make a program of operators callable, by the symbols that the region tells.

        It takes the values of `program.inputs`, then those of `program.outputs`, and writes the
        latter, each named once and computed by a step. Constants are in the module.
        """
        computed = {name for step in program.steps for name in step.outputs}
        outputs = {*program.outputs}
        if len(outputs) < len(program.outputs) or not outputs <= computed:
            raise ValueError(f"{symbol} gives a value twice, or one that no step computes")
        region = Region(program, symbol, calls, self.target)
        self._functions |= region.functions()
        self._doors += [region.symbol, region.many]
        return region

    @property
    def symbols(self) -> list[str]:
        """Of all functions that can be called from outside."""
        return [
            *(variable.name_hint for variable, _ in self._natives.functions),
            *self._doors,
            *([ADDRESS_OF_KERNEL] if self._opened else []),
        ]

    def compile(self) -> tvm.runtime.Module | None:
        """The module, with those it imports; None where there is no function at all."""
        natives = {
            variable.name_hint: function.with_attr("global_symbol", variable.name_hint)
            for variable, function in self._natives.functions
        }
        module = None
        if natives:
            module = tvm.tirx.build(tvm.IRModule(natives), target=native_target(self.target))
        functions = dict(self._functions)
        if self._opened:
            functions[ADDRESS_OF_KERNEL] = self._address_of_kernel()
        if functions:
            kernels = {
                variable: function.with_attrs({"global_symbol": variable.name_hint, **C_FUNCTION})
                for variable, function in self._kernels.functions
            }
            mod = tvm.IRModule({**functions, **kernels})
            built: Any = tvm.tirx.build(mod, target=self.target, pipeline=PIPELINE)
            if module is not None:
                built.import_module(module)
            module = built
        return module

    def _address_of_kernel(self) -> Any:
        text = _ADDRESSES.format(
            count=len(self._opened),
            declarations="\n".join(f"declare void @{symbol}()" for symbol in self._opened),
            pointers=", ".join(f"ptr @{symbol}" for symbol in self._opened),
        )
        with IRBuilder() as builder, T.prim_func():
            T.func_attr({"global_symbol": ADDRESS_OF_KERNEL})
            T.func_ret(T.int64().ty)
            number = T.arg("number", T.int32())
            with T.attr(0, "pragma_import_llvm", text):
                T.Return(T.call_extern("int64", "espdl_address_of_kernel", number))
        return builder.get()


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
    built = module.compile()
    assert built is not None, "no program"
    return built


def host_target(target: Target | None) -> Target:
    """LLVM for the CPU that a target names with `mcpu` and `mattr`, else for that of this PC."""
    given = dict(target.attrs) if target is not None else {}
    kept = {name: given[name] for name in ("mcpu", "mattr") if name in given}
    named = kept if "mcpu" in kept else cpu.of_this_pc() | kept
    return Target({"kind": "llvm", "opt-level": LEVEL, **named})
