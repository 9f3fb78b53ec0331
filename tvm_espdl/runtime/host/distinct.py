"""Functions that are each kept once, however often they are made.

It compares what functions do, never what they are called.
"""

from __future__ import annotations

from typing import Any

import tvm
import tvm_ffi


class Distinct:
    """Different functions of one module.

    Attributes
    ----------
    functions : list of (tvm.ir.GlobalVar, tvm.tirx.PrimFunc)
        In the order in which they were first met.
    """

    def __init__(self) -> None:
        self.functions: list[tuple[Any, Any]] = []
        self._known: dict[int, list[tuple[Any, Any]]] = {}

    def add(self, function: Any, name: str) -> Any:
        """The global variable of a function, of that name if no equal one was met before."""
        alike = self._known.setdefault(tvm_ffi.structural_hash(function), [])
        for variable, other in alike:
            if tvm_ffi.structural_equal(function, other):
                return variable
        variable = tvm.ir.GlobalVar(name)
        alike.append((variable, function))
        self.functions.append((variable, function))
        return variable
