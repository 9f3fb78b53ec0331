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

_EXECUTOR = "tvm_espdl.legacy.graph_executor"
_DEBUGGER = "tvm_espdl.legacy.debug_executor"


def lend() -> None:
    """Put the modules in place; a second call, or a TVM that has them, changes nothing."""
    from .. import relay  # relay registers itself while this package is imported

    _place("tvm.relay", lambda _: relay)
    if sys.modules.get("tvm.relay") is relay:
        alias_submodules()
    _place("tvm.nd", _nd)
    _place("tvm.contrib.graph_executor", _graph_executor)
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


def _graph_executor(name: str) -> ModuleType:
    return _Lazy(name, _EXECUTOR, "GraphModule", "create")


def _debug_executor(name: str) -> ModuleType:
    return _Lazy(name, _DEBUGGER, "GraphModuleDebug", "create")


class _Lazy(ModuleType):
    """A module whose names are looked up in another one when they are first asked for."""

    def __init__(self, name: str, owner: str, *lent: str) -> None:
        super().__init__(name, f"Lent by tvm_espdl: see {owner}.")
        self._owner, self._lent = owner, lent

    def __getattr__(self, name: str) -> Any:
        if name not in self._lent:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}; tvm_espdl lends "
                + ", ".join(self._lent)
            )
        return getattr(importlib.import_module(self._owner), name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._lent]
