"""`tvm.relay.frontend` and what is in it, as names of our own modules: never a second copy.

Python would look for a submodule in the folder of `tvm.relay`, which is ours, and load it again
under the other name. Submodules that old Relay had, and nothing stands for, are said to be gone.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

LENT, OURS = "tvm.relay.", "tvm_espdl.relay."


class _Alias(Loader):
    """Gives the module of the other name, which keeps the specification that it was loaded by."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        del spec
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        del path, target
        if not fullname.startswith(LENT):
            return None
        rest = fullname.removeprefix(LENT)
        if rest.partition(".")[0] != "frontend":
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: TVM has no Relay any more, and tvm_espdl lends "
                "relay.build and relay.frontend only; passes and operators are in tvm.relax",
                name=fullname,
            )
        return ModuleSpec(fullname, _Alias(importlib.import_module(OURS + rest)))


def alias_submodules() -> None:
    """Answer imports of submodules of the lent `tvm.relay`; a second call changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
