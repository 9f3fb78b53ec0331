"""Post-training quantization: float ONNX in, ONNX with power-of-two int8 scales (QDQ) out.

Must never import TVM, change the model it is given, or give other bytes for the same input.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from onnx import ModelProto

from ..chips import CHIPS, DEFAULT_CHIP, Chip, find_chip
from ..errors import ChipError, ModelError
from ..onnx_model import input_signature, save_model
from .account import make_report
from .assignment import assign_exponents
from .calibration import measure_ranges
from .graph import Graph
from .methods import find_method
from .plan import make_plan
from .preprocess import preprocess_onnx
from .qdq import write_qdq
from .report import FloatRow, QuantizationReport, TensorRow
from .samples import Calibration, Sample, read_samples

__all__ = [
    "FloatRow",
    "QuantizationReport",
    "QuantizationResult",
    "TensorRow",
    "preprocess_onnx",
    "quantize_onnx",
]


@dataclass(frozen=True)
class QuantizationResult:
    """A quantized network and the account of it.

    Attributes
    ----------
    model : ModelProto
        The quantized network.
    report : QuantizationReport
        Its tensors, their exponents and ranges, and what stayed float.
    """

    model: ModelProto
    report: QuantizationReport

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


def quantize_onnx(
    model: str | os.PathLike[str] | ModelProto,
    calibration: Calibration,
    chip: str = DEFAULT_CHIP,
    *,
    activations: str = "minmax",
    per_channel: bool | None = None,
) -> QuantizationResult:
    """Quantize a float network to int8 with power-of-two scales.

    Parameters
    ----------
    model : path or ModelProto
        A float network; left as it is. It goes through `preprocess_onnx` first.
    calibration : array, dict, path or iterable
        Typical inputs, scaled as in training: an array (N, ...) for a model with one input,
        {input: array (N, ...)}, the path of an .npy or .npz file, or an iterable of samples (arrays
        or dicts). The dtype must be the input's own, as a rule float32.
    chip : str
        The chip to quantize for, such as "esp32s3"; it decides how weights are rounded, how wide
        a bias may be, and whether weights have one exponent per output channel.
    activations : str
        How the exponents of activations are chosen; "minmax": no value of the calibration
        saturates.
    per_channel : bool, optional
        One weight exponent per output channel; by default where the chip can do it.

    Returns
    -------
    QuantizationResult
        The network (`.model`), its account (`.report`), and `.save(path)`.

    Raises
    ------
    ModelError
        If the model cannot be read, is quantized already, or holds nothing to quantize.
    DataError
        If the calibration data do not fit the model, or a tensor is not finite.
    ChipError
        If there is no such chip, or `per_channel` is asked for on a chip that cannot do it.
    EspdlError
        If there is no such method for activations.
    """
    target = find_chip(chip)
    use_channels = _decide_per_channel(target, per_channel)
    method = find_method(activations)
    prepared = preprocess_onnx(model)
    plan = make_plan(Graph(prepared))
    if not plan.rules:
        raise ModelError(
            "the network holds no operator that can be quantized",
            where="the model",
            found=", ".join(sorted({node.op_type for node in plan.graph.nodes})),
            allowed="float32 operators such as Conv, Gemm, Add, Relu",
            try_="export the model in float32, with constant weights",
        )
    samples = _Counted(read_samples(calibration, input_signature(prepared)))
    ranges = measure_ranges(prepared, samples)
    assignment = assign_exponents(plan, ranges, method, target, per_channel=use_channels)
    plan = plan.absorb_clips(assignment.tensors)
    report = make_report(
        plan, assignment, ranges, target, method=activations, samples=samples.count
    )
    return QuantizationResult(write_qdq(prepared, plan, assignment, target), report)


class _Counted:
    """Counts what passes through an iterator."""

    def __init__(self, samples: Iterator[Sample]) -> None:
        self._samples, self.count = samples, 0

    def __iter__(self) -> Iterator[Sample]:
        for sample in self._samples:
            self.count += 1
            yield sample


def _decide_per_channel(chip: Chip, wanted: bool | None) -> bool:
    if wanted and not chip.per_channel:
        raise ChipError(
            "the chip has one weight exponent per tensor only",
            where="option per_channel",
            found=f"per_channel=True for {chip.name}",
            allowed="per_channel=True for "
            + ", ".join(name for name, record in CHIPS.items() if record.per_channel),
            try_="leave per_channel out",
        )
    return chip.per_channel if wanted is None else wanted
