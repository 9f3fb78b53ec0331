"""Builds kernels that are called one by one, each different one once, with constants from outside.

Several networks share what they have in common; a whole network in one function is `region`'s.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from .distinct import Distinct
from .region import PIPELINE


class SeparateKernels:
    """Collects kernels and functions of TVM, then compiles all of them together."""

    def __init__(self) -> None:
        self._kernels, self._natives = Distinct(), Distinct()

    def kernel(self, function: Any) -> str:
        """Add the function of a `HostKernel`.

        Returns
        -------
        str
            The symbol of the built function, which takes the same pointers.
        """
        variable = self._kernels.add(function, f"kernel_{len(self._kernels.functions)}")
        return f"run_{variable.name_hint}"

    def native(self, function: Any) -> str:
        """Add a function of TVM, of DLTensors; the symbol of the built function."""
        variable = self._natives.add(function, f"native_{len(self._natives.functions)}")
        return str(variable.name_hint)

    def build(self, target: tvm.target.Target) -> dict[str, Any]:
        """The built functions by their symbols."""
        doors = {f"run_{v.name_hint}": _door(v, f) for v, f in self._kernels.functions}
        natives = {
            v.name_hint: f.with_attr("global_symbol", v.name_hint)
            for v, f in self._natives.functions
        }
        found = {}
        if doors:
            kernels = tvm.IRModule({**doors, **dict(self._kernels.functions)})
            module: Any = tvm.tirx.build(kernels, target=target, pipeline=PIPELINE)
            found.update({symbol: module[symbol] for symbol in doors})
        if natives:
            module = tvm.tirx.build(tvm.IRModule(natives), target=target)
            found.update({symbol: module[symbol] for symbol in natives})
        return found


def _door(kernel: Any, function: Any) -> Any:
    """A public function that only calls a private one."""
    with IRBuilder() as builder, T.prim_func():
        T.func_attr({"global_symbol": f"run_{kernel.name_hint}"})
        pointers = [T.arg(f"p{n}", T.handle("int8")) for n in range(len(function.params))]
        T.evaluate(kernel(*pointers))
    return builder.get()
