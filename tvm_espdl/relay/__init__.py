"""The face that users know: `relay.frontend`, `relay.build`; Relax is the compiler under it.

This folder owns the way from a model to integer operators. It has no numerics of its own.
"""

from __future__ import annotations

from typing import Any

from . import frontend

__all__ = ["build", "frontend"]


def __getattr__(name: str) -> Any:
    if name == "build":
        from .build_library import build  # keeps `import tvm_espdl` light

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
