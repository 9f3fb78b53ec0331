"""From a model file to a library in one call, for the command line and the demo."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import tvm

from .chips import DEFAULT_CHIP, find_chip

if TYPE_CHECKING:
    from onnx import ModelProto

    from .runtime.library import Library

CHIP_KEY = "espdl.chip"


def compile_file(model: str | os.PathLike[str] | ModelProto, chip: str | None = None) -> Library:
    """Import and build a model.

    Parameters
    ----------
    model : path or ModelProto
        ONNX, quantized or not.
    chip : str, optional
        The model's own, as `quantize` has written it, or `esp32s3` where absent.

    Raises
    ------
    EspdlError
        As `relay.frontend.from_onnx` and `relay.build`.
    """
    from . import relay
    from .onnx_model import load_model

    proto = load_model(model)
    own = next((p.value for p in proto.metadata_props if p.key == CHIP_KEY), DEFAULT_CHIP)
    name = find_chip(chip or own).name
    mod, params = relay.frontend.from_onnx(proto)
    with tvm.transform.PassContext(opt_level=3):
        return relay.build(mod, target=f"espressif/{name}", params=params)
