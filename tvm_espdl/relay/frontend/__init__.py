"""Ways in: ONNX, PyTorch and .espdl become Relax modules that keep the model's names.

This folder translates and names; what is quantized, and how it runs, is decided behind it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["from_espdl", "from_onnx", "from_pytorch"]


def __getattr__(name: str) -> Any:
    # onnx and torch are loaded by whoever asks for them, not by `import tvm_espdl`.
    if name == "from_espdl":
        from .espdl import from_espdl

        return from_espdl
    if name == "from_onnx":
        from .onnx import from_onnx

        return from_onnx
    if name == "from_pytorch":
        from .pytorch import from_pytorch

        return from_pytorch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
