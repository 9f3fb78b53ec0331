"""Models that are quantized already, in the chip's terms: taken as they are, with an account of it.

Must never change a scale or an integer, nor let a wish go unheard that it cannot fulfil.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection

from onnx import ModelProto

from ..chips import Chip, find_chip
from ..errors import EspdlWarning, ModelError
from ..onnx_graphs.chip_metadata import chip_name_in
from ..samples import Calibration
from .foreign import take_as_is, wide_biases
from .quantization import Options
from .report import QuantizationReport


def without_effect(
    options: Options,
    calibration: Calibration | None,
    *,
    skip: str | Collection[str],
    enable: str | Collection[str],
) -> list[str]:
    """What was asked for, of a model that is quantized already."""
    given = {
        "calibration": calibration is not None,
        "activations": options.activations != "mse",
        "weights": options.weights != "output",
        "int16": bool(options.int16) and "precision" not in options.stated,
        "float": bool(options.float),
        "recover": bool(options.recover),
        "skip": bool(skip),
        "enable": bool(enable),
    }
    return [*(name for name, is_given in given.items() if is_given), *options.stated]


def take(
    model: ModelProto, chip: Chip, ignored: Collection[str]
) -> tuple[ModelProto, QuantizationReport]:
    """The model, quantized in the chip's terms, ready for a chip, and the account of it.

    Warns (EspdlWarning) of what was asked for and is `ignored`. Raises ModelError if the model was
    quantized for another chip.
    """
    made_for = chip_name_in(model, chip.name)
    if find_chip(made_for) != chip:
        raise ModelError(
            "the model was quantized for another chip",
            where="the model's metadata",
            found=made_for,
            allowed=chip.name,
            try_=f"take it for {made_for}, or quantize the float model for {chip.name}",
        )
    taken = take_as_is(model, chip)
    if ignored:
        warnings.warn(
            "the model is quantized already and taken as it is; without effect: "
            + ", ".join(ignored),
            EspdlWarning,
            stacklevel=4,
        )
    wide = tuple(wide_biases(taken, chip))
    report = QuantizationReport(chip.name, "as they are", 0, (), (), warnings=wide)
    return taken, report
