"""Keeps TVM's importer from printing and warning while we call it, in our own thread only.

The importer's module gets its own `print` and `warnings`, which pass on what any other caller
causes: the process's output and its filters of warnings are never touched.
"""

from __future__ import annotations

import builtins
import contextlib
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import numpy as np
from tvm.relax.frontend.onnx import onnx_frontend

_is_silent: ContextVar[bool] = ContextVar("is_silent", default=False)


class _Warnings(ModuleType):
    """The module `warnings`, but for what is warned of in silence."""

    def __init__(self) -> None:
        super().__init__("warnings", warnings.__doc__)

    def __getattr__(self, name: str) -> Any:
        return getattr(warnings, name)

    def warn(
        self,
        message: Warning | str,
        category: type[Warning] | None = None,
        stacklevel: int = 1,
        source: Any = None,
    ) -> None:
        if not _is_silent.get():
            warnings.warn(message, category, stacklevel + 1, source)


def _print(*values: object, **options: Any) -> None:
    if not _is_silent.get():
        builtins.print(*values, **options)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """A `with` block in which the importer neither prints nor warns."""
    onnx_frontend.warnings, onnx_frontend.print = _ours
    token = _is_silent.set(True)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _is_silent.reset(token)


_ours = _Warnings(), _print
