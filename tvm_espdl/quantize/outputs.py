"""What a quantization leaves behind: the network for its batch, and its file of exponents.

Must never decide about either.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from onnx import ModelProto

from ..chips import Chip
from ..errors import DataError
from ..onnx_graphs.model import save_model
from ..onnx_graphs.samples_of_a_batch import with_batch
from .exponent_files import SavedExponents, write_exponents
from .exponent_files.applied import Applied
from .quantization import Quantization


def applied_of(done: Quantization) -> Applied:
    """A quantization by data, as one by a file is held."""
    bench = done.bench
    return Applied(bench.model, bench.plan, done.assignment(), bench.scaling)


@dataclass(frozen=True)
class Outputs:
    """Where a quantized network goes, and for how many samples at once."""

    batch: int
    model: str | os.PathLike[str] | None
    exponents: str | os.PathLike[str] | None

    def written(
        self, model: ModelProto, applied: Applied, chip: Chip
    ) -> tuple[ModelProto, SavedExponents]:
        """The network for its batch, and what a file of exponents says; written where wanted."""
        batched = with_batch(model, self.batch)
        saved = applied.saved(chip)
        if self.model is not None:
            save_model(batched, self.model)
        if self.exponents is not None:
            write_exponents(saved, self.exponents)
        return batched, saved


def needs_data() -> DataError:
    """The error of a float network without anything that says its exponents."""
    return DataError(
        "a float network needs calibration data",
        where="argument calibration",
        found="None",
        allowed="typical inputs: an array, a dict, a path, an ImageFolder or an iterable",
        try_="numpy.load a file of 32 to 200 inputs, scaled as in training "
        "(--calibrate_dataset), or give the exponents that were saved (--exponents)",
    )
