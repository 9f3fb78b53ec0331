"""Takes a model that others quantized as it is, if it is in the chip's terms.

Must never change a scale or an integer: what would need that is refused, with the offer to
requantize.
"""

from __future__ import annotations

import os

from onnx import ModelProto

from ...chips import Chip, find_chip
from ...version import __version__
from .inspection import inspect_quantized


def take_as_is(model: str | os.PathLike[str] | ModelProto, chip: str | Chip) -> ModelProto:
    """Return a model that others quantized, ready for a chip.

    Parameters
    ----------
    model : path or ModelProto
        A quantized model; left as it is.
    chip : str or Chip
        The chip it is taken for.

    Returns
    -------
    ModelProto
        A copy in QDQ form whose metadata name the chip, its rounding and this version.

    Raises
    ------
    ModelError
        If the model is not quantized, or not in the chip's terms: scales 2**e, zero points 0,
        int8 or int16, int32 biases at the scale of their products. It names the first tensors
        that offend, and says whether requantization would do.
    """
    target = find_chip(chip) if isinstance(chip, str) else chip
    inspection = inspect_quantized(model)
    if not inspection.is_ours:
        raise inspection.refusal()
    taken = inspection.model
    kept = [entry for entry in taken.metadata_props if not entry.key.startswith("espdl.")]
    del taken.metadata_props[:]
    taken.metadata_props.extend(kept)
    for key, value in (
        ("espdl.chip", target.name),
        ("espdl.rounding", target.rounding),
        ("espdl.version", __version__),
    ):
        taken.metadata_props.add(key=key, value=value)
    return taken
