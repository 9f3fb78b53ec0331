"""TVM's own functions as they are compiled: with floats that are the same on every PC.

Their target is any CPU of the host's kind, C's `math.h` takes the place of TVM's formulas, and no
product is fused with a sum; what a function computes is not decided here.
"""

from __future__ import annotations

import re
from typing import Any

import tvm
from tvm import tirx
from tvm.target import Target
from tvm_ffi import structural_map

from .arithmetic import once
from .cpu import architecture

#: What targets have besides, by the architecture, where every CPU has fused multiply-adds. Those
#: that TVM does not ask for (`unfused`), LLVM makes in this pass and, at the level of optimization
#: that TVM has, nowhere else.
UNFUSED = {"aarch64": {"cl-opt": ["-aarch64-enable-mcr:bool=false"]}}

# For these functions TVM writes formulas of its own into LLVM's code.
_FORMULAS = re.compile(r"\bT\.(tanh|tan|atanh)\(")


def native_target(host: Target) -> Target:
    """LLVM for any CPU of the host's kind.

    Where a CPU had fused multiply-adds, LLVM would use them, and floats would be neither those of
    the chip nor those of an exported library elsewhere.
    """
    kept = {name: value for name, value in host.attrs.items() if name == "mtriple"}
    return Target({"kind": "llvm", **kept, **UNFUSED.get(architecture(host), {})})


def native_function(function: Any, host: Target) -> Any:
    """A function of TVM as it is compiled for `native_target`."""
    return unfused(_with_math_of_c(function), host)


def unfused(function: Any, host: Target) -> Any:
    """The function with every product that is added to something computed before, as a variable.

    For aarch64, TVM asks LLVM for fused multiply-adds where it sees a product in a sum.
    """
    if architecture(host) not in UNFUSED:
        return function

    def alone(value: Any) -> Any:
        return once(value, lambda product: product) if isinstance(value, tirx.Mul) else value

    def visit(total: Any) -> Any:
        if not str(total.ty.dtype).startswith("float"):
            return total
        return tirx.Add(alone(total.a), alone(total.b))

    return function.with_body(structural_map(function.body, (tirx.Add, visit)))


def unfused_module(mod: tvm.IRModule, host: Target) -> tvm.IRModule:
    """The module with all its functions of TIR `unfused`."""
    if architecture(host) not in UNFUSED:
        return mod
    found = mod.clone()
    for variable, function in mod.functions.items():
        if isinstance(function, tirx.PrimFunc):
            found.update_func(variable, unfused(function, host))
    return found


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
