"""Takes a model that others quantized as it is, if it is in the chip's terms.

Must never change a scale or an integer: what would need that is refused, with the offer to
requantize.
"""

from __future__ import annotations

import os

from onnx import ModelProto

from ...chips import Chip, find_chip
from ...onnx_graphs.chip_metadata import write_chip
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
    write_chip(taken, target)
    return taken
