"""Compile neural networks for Espressif chips with Apache TVM.

`import tvm_espdl` teaches TVM a target named `espdl`; see README.md for the rest.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import relay
from .legacy.lend import lend
from .relay.pipeline import register
from .version import __version__

__all__ = [
    "__version__",
    "channel_first_to_last",
    "channel_last_to_first",
    "debug",
    "errors",
    "estimate",
    "inference",
    "quantize",
    "relay",
]

register()
lend()

_LAZY = ("debug", "errors", "estimate", "quantize")
_OF_STAGES = ("channel_first_to_last", "channel_last_to_first", "inference")


def __getattr__(name: str) -> Any:
    # These load onnx, onnxruntime and more: only when they are asked for.
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _OF_STAGES:
        return getattr(importlib.import_module(f"{__name__}.stages"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
