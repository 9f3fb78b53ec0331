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


def lend() -> None:
    """Put the modules in place; a second call, or a TVM that has them, changes nothing."""
    from .. import relay  # relay registers itself while this package is imported

    _place("tvm.relay", lambda: relay)
    _place("tvm.nd", _nd)
    _place("tvm.contrib.graph_executor", _graph_executor)
    _place("tvm.contrib.debugger", lambda: ModuleType("tvm.contrib.debugger"))
    _place("tvm.contrib.debugger.debug_executor", _debug_executor)


def _place(name: str, make: Callable[[], ModuleType]) -> None:
    parent_name, _, attribute = name.rpartition(".")
    parent = tvm if parent_name == "tvm" else importlib.import_module(parent_name)
    if name in sys.modules or hasattr(parent, attribute):
        return
    if hasattr(parent, "__path__") and importlib.util.find_spec(name) is not None:
        return
    module = make()
    sys.modules[name] = module
    setattr(parent, attribute, module)


def _nd() -> ModuleType:
    module = ModuleType("tvm.nd", "Lent by tvm_espdl: the old names of tvm.runtime.tensor.")
    module.array = tvm.runtime.tensor  # type: ignore[attr-defined]
    module.empty = tvm.runtime.empty  # type: ignore[attr-defined]
    module.NDArray = tvm.runtime.Tensor  # type: ignore[attr-defined]
    return module


class _Lazy(ModuleType):
    """A module whose names are looked up in `source` when they are first asked for."""

    def __init__(self, name: str, source: str, names: dict[str, str]) -> None:
        super().__init__(name, f"Lent by tvm_espdl: see {source}.")
        self._source, self._names = source, names

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(self._source), self._names[name])


def _graph_executor() -> ModuleType:
    source = "tvm_espdl.legacy.graph_executor"
    return _Lazy("tvm.contrib.graph_executor", source, {"GraphModule": "GraphModule"})


def _debug_executor() -> ModuleType:
    source = "tvm_espdl.legacy.graph_executor"
    names = {"GraphModuleDebug": "GraphModuleDebug"}
    return _Lazy("tvm.contrib.debugger.debug_executor", source, names)
