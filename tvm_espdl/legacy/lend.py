"""Lends TVM the names that the published scripts of the old flow use, where it has none itself.

`tvm.relay`, `tvm.nd`, `tvm.contrib.graph_executor`, `tvm.contrib.debugger.debug_executor`: thin
stand-ins, never in the place of something that TVM brings along.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import tvm

from .aliases import alias_submodules

_EXECUTORS = "tvm_espdl.legacy.graph_executor"


def lend() -> None:
    """Put the modules in place; a second call, or a TVM that has them, changes nothing."""
    from .. import relay  # relay registers itself while this package is imported

    _place("tvm.relay", lambda _: relay)
    if sys.modules.get("tvm.relay") is relay:
        alias_submodules()
    _place("tvm.nd", _nd)
    _place("tvm.contrib.graph_executor", lambda name: _Lazy(name, "GraphModule", "create"))
    _place("tvm.contrib.debugger", ModuleType)
    _place("tvm.contrib.debugger.debug_executor", _debug_executor)


def _place(name: str, make: Callable[[str], ModuleType]) -> None:
    parent_name, _, attribute = name.rpartition(".")
    parent = tvm if parent_name == "tvm" else importlib.import_module(parent_name)
    if name in sys.modules or hasattr(parent, attribute):
        return
    if hasattr(parent, "__path__") and importlib.util.find_spec(name) is not None:
        return
    module = sys.modules[name] = make(name)
    setattr(parent, attribute, module)


def _nd(name: str) -> ModuleType:
    module = ModuleType(name, "Lent by tvm_espdl: the old names of tvm.runtime.tensor.")
    module.array = tvm.runtime.tensor  # type: ignore[attr-defined]
    module.empty = tvm.runtime.empty  # type: ignore[attr-defined]
    module.NDArray = tvm.runtime.Tensor  # type: ignore[attr-defined]
    return module


def _debug_executor(name: str) -> ModuleType:
    return _Lazy(name, "GraphModuleDebug", create="create_debug")


class _Lazy(ModuleType):
    """A module whose names are looked up when they are first asked for.

    `lent` are those of the executors' file, `renamed` others by the names that they have there.
    """

    def __init__(self, name: str, *lent: str, **renamed: str) -> None:
        super().__init__(name, f"Lent by tvm_espdl: see {_EXECUTORS}.")
        self._lent = {**{own: own for own in lent}, **renamed}

    def __getattr__(self, name: str) -> Any:
        if name not in self._lent:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}; tvm_espdl lends "
                + ", ".join(self._lent)
            )
        return getattr(importlib.import_module(_EXECUTORS), self._lent[name])

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._lent]
