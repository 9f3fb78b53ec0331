"""What a quantized model says about its chip, in the metadata of its file.

Must never be taken for a check: any program can write them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..chips import Chip
from ..version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

_OURS = "espdl."

#: The metadata's key for the name of the chip.
CHIP_KEY = f"{_OURS}chip"


def chip_name_in(model: ModelProto, default: str) -> str:
    """The name of the chip that a model was quantized for; `default` where it does not say."""
    return next((entry.value for entry in model.metadata_props if entry.key == CHIP_KEY), default)


def write_chip(model: ModelProto, chip: Chip) -> None:
    """Let a model's metadata name its chip, the chip's rounding and this version; others stay."""
    kept = [entry for entry in model.metadata_props if not entry.key.startswith(_OURS)]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    for key, value in (
        (CHIP_KEY, chip.name),
        (f"{_OURS}rounding", chip.rounding),
        (f"{_OURS}version", __version__),
    ):
        model.metadata_props.add(key=key, value=value)
