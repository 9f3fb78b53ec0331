"""What users hold of a quantization: the network, the account of it, and its exponents.

Must never change either.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from onnx import ModelProto

from ..onnx_graphs.model import save_model
from .exponent_files import SavedExponents, write_exponents
from .foreign import RequantizationLoss
from .report import QuantizationReport


@dataclass(frozen=True)
class QuantizationResult:
    """A quantized network and the account of it.

    Attributes
    ----------
    model : ModelProto
        The quantized network.
    report : QuantizationReport
        Its tensors, their exponents and ranges, and what stayed float; without rows for a network
        that others quantized and that was taken as it is.
    loss : RequantizationLoss or None
        For a network that others quantized with other scales: how far it moved.
    exponents : SavedExponents or None
        What a file of exponents says of a network that was float.
    """

    model: ModelProto
    report: QuantizationReport
    loss: RequantizationLoss | None = None
    exponents: SavedExponents | None = None

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the network to `path`; the file appears whole or not at all.

        Parameters
        ----------
        path : path
            The .onnx file to write; its folder must exist.
        overwrite : bool
            Whether a file that is there already may be replaced.

        Raises
        ------
        OutputError
            If the file exists and `overwrite` is False, or cannot be written.
        """
        save_model(self.model, path, overwrite=overwrite)

    def save_exponents(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the file by which `quantize_onnx` makes the same network again, without data.

        Parameters
        ----------
        path : path
            The .json file to write; it appears whole or not at all.
        overwrite : bool
            Whether a file that is there already may be replaced.

        Raises
        ------
        OutputError
            If the file exists and `overwrite` is False, or cannot be written.
        ModelError
            If the network was quantized before: its exponents are its own.
        """
        write_exponents(self.exponents, path, overwrite=overwrite)
