"""Post-training quantization: float ONNX in, ONNX with power-of-two int8 scales (QDQ) out.

Must never change the model it is given, or give other bytes for the same input. TVM only runs what
`exact.py` hands it, to measure; nothing here imports it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection
from functools import partial

from onnx import ModelProto

from ..chips import CHIPS, DEFAULT_CHIP, Chip, find_chip
from ..errors import ChipError, EspdlError, EspdlWarning
from ..files.output_files import check_apart, check_new
from ..onnx_graphs.model import load_model
from ..onnx_graphs.option_names import as_names
from ..onnx_graphs.samples_of_a_batch import batch_of
from ..onnx_graphs.stored_weights import float_weights
from ..preprocess import PreprocessReport, preprocess_onnx, preprocess_with_report
from ..preprocess.steps import select_steps
from ..samples import Calibration, ImageFolder
from .by_exponents import check_float
from .exponent_files import EspPpqExponents, read_exponents
from .foreign import RequantizationLoss, inspect_quantized, is_quantized
from .held_out import DEFAULT_HOLD_OUT, check_hold_out
from .mixed import Goal
from .outputs import Outputs
from .presets import widths_of
from .quantization import Options
from .report import Accuracy, FloatRow, QuantizationReport, TensorRow, measure_accuracy
from .report.effort import Measure, check_measure
from .request import Request
from .result import QuantizationResult

__all__ = [
    "Accuracy",
    "FloatRow",
    "ImageFolder",
    "PreprocessReport",
    "QuantizationReport",
    "QuantizationResult",
    "RequantizationLoss",
    "TensorRow",
    "measure_accuracy",
    "preprocess_onnx",
    "preprocess_with_report",
    "quantize_onnx",
]


def quantize_onnx(
    model: str | os.PathLike[str] | ModelProto,
    calibration: Calibration | None,
    chip: str = DEFAULT_CHIP,
    *,
    activations: str = "mse",
    weights: str = "output",
    per_channel: bool | None = None,
    precision: str | None = None,
    int16: str | Collection[str] = (),
    float: str | Collection[str] = (),
    input_bits: int | None = None,
    output_bits: int | None = None,
    wanted_snr: float | None = None,
    budget: float | None = None,
    recover: str | Collection[str] | None = None,
    hold_out: int | None = None,
    skip: str | Collection[str] = (),
    enable: str | Collection[str] = (),
    requantize: bool = False,
    exponents: str | os.PathLike[str] | None = None,
    measure: Measure = True,
    save_to: str | os.PathLike[str] | None = None,
    save_exponents: str | os.PathLike[str] | None = None,
    progress: bool | None = False,
) -> QuantizationResult:
    """Quantize a float network to int8 and int16 with power-of-two scales.

    Parameters
    ----------
    model : path or ModelProto
        A float network; left as it is. It goes through `preprocess_onnx` first. A network that
        others quantized with power-of-two scales is taken as it is. Where it takes several
        samples at once it is quantized for one, and written for as many as before.
    calibration : array, dict, path, ImageFolder or iterable
        Typical inputs, scaled as in training: an array (N, ...) for a model with one input,
        the path of an .npy or .npz file or of a folder of such files or of images, an
        `ImageFolder`, {input: any of these}, or an iterable of samples (arrays or dicts). The
        dtype must be the input's own, as a rule float32. None: only for networks that are
        quantized, and with `exponents`.
    chip : str
        The chip to quantize for, such as "esp32s3"; it decides how weights are rounded, how wide
        a bias may be, and whether weights have one exponent per output channel.
    activations : str
        How the exponents of activations are chosen: "mse" (the least squared error), "kl" (the
        least loss of information), "percentile" (1 of 10,000 values saturates) or "minmax" (none
        does).
    weights : str
        How the exponents of weights are chosen: "output" (the layer's output errs least) or
        "minmax" (no weight saturates).
    per_channel : bool, optional
        One weight exponent per output channel; by default where the chip can do it.
    precision : str, optional
        The width of layers in one word: "int8", "int16", "mix_light" (int16 where it gains most,
        for up to a tenth more cycles) or "mix_balance" (for up to half as many more).
    int16 : str or collection of str
        Layers that compute in int16, named by their node or an output tensor, or by a pattern
        with `*`; "*" is all of them. "auto" chooses them: those that gain most per extra cycle,
        beside the layers that are named; where they do not reach `wanted_snr`, also layers that
        stay float.
    float : str or collection of str
        Layers that stay float, named in the same way: TVM computes them, which takes more time and
        memory. For what integers are too coarse for, such as a power spectrum.
    input_bits : int, optional
        8 or 16: the width of the network's inputs; at 16, layers that read them compute in int16.
        By default it is that of the layers that read an input.
    output_bits : int, optional
        8 or 16: the width of the network's outputs, and of the layers that make them.
    wanted_snr : float, optional
        Where "auto" stops: the signal-to-noise ratio in dB of the outputs (of what a final
        Softmax reads in their place) on held-out samples, in simulation.
    budget : float, optional
        What "auto" may spend: extra cycles as a share of the network's, such as 0.1.
    recover : str or collection of str, optional
        Steps that recover accuracy, each kept only if it lowers the noise on held-out samples:
        "methods", "rounding", "equalization", "exponents", "compensation", "bias", or "all"; ()
        for none. By default methods (where `activations` is "mse"), rounding, bias and, for
        networks of up to 100 million multiply-accumulates, equalization.
    hold_out : int, optional
        Each sample of this number, by default 4, does not take part in calibration and judges the
        result; 0, or fewer than 8 samples: none. A number above that of the samples is warned of.
    skip, enable : str or collection of str
        Steps of preprocessing to leave out or to add.
    requantize : bool
        Whether a network that others quantized with other scales may be re-expressed with the
        nearest ones; `.loss` says what that costs. Of a float network it warns, and does nothing.
    exponents : path, optional
        A file of exponents, of `save_exponents` or ESP-PPQ's .json: in the place of `calibration`
        and of all choices. With ESP-PPQ's, calibration data say what the file leaves open.
    measure : bool or "all"
        Whether to compile the network and measure its accuracy, with the chip's exact bits, for
        the report; the network is the same without. True looks at as much as takes about a
        minute, which the size of the network decides, "all" at all samples.
    save_to : path, optional
        The .onnx file to write as soon as there is a network, before it is measured.
    save_exponents : path, optional
        The file of exponents to write at the same time.
    progress : bool, optional
        Whether to show on stderr what is being done; None: if that is a terminal.

    Returns
    -------
    QuantizationResult
        The network (`.model`), its account (`.report`), and `.save(path)`.

    Raises
    ------
    ModelError
        If the model cannot be read, is quantized in a way that the chip cannot do, or holds
        nothing to quantize.
    DataError
        If the calibration data or the file of exponents do not fit the model, or a tensor is not
        finite.
    ChipError
        If there is no such chip, `per_channel` is asked for on a chip that cannot do it, or the
        exponents are those of another one.
    OutputError
        If a file to write exists, which is looked at first, or cannot be written.
    EspdlError
        If there is no such method, step or layer, or options contradict each other.
    """
    check_measure(measure)
    for path in (save_to, save_exponents):
        if path is not None:
            check_new(path)
    check_apart(save_to, save_exponents)
    target = find_chip(chip)
    given = None if exponents is None else read_exponents(exponents)
    widths = widths_of(
        precision,
        as_names(int16, "int16"),
        Goal(wanted_snr, budget),
        input_bits=input_bits,
        output_bits=output_bits,
    )
    stated = {
        "precision": precision,
        "input_bits": input_bits,
        "output_bits": output_bits,
        "per_channel": per_channel,
        "hold_out": hold_out or None,  # 0: none is, which is so without data, too
        "measure": "all" if measure == "all" else None,
    }
    options = Options(
        activations,
        weights,
        _decide_per_channel(target, per_channel),
        widths.int16,
        None if recover is None else as_names(recover, "recover"),
        check_hold_out(DEFAULT_HOLD_OUT if hold_out is None else hold_out),
        widths.goal,
        as_names(float, "float"),
        input_bits,
        output_bits,
        tuple(name for name, value in stated.items() if value is not None),
    )
    options.check_names()
    _check_steps(as_names(skip, "skip"), as_names(enable, "enable"))
    loaded = float_weights(load_model(model))
    request = Request(
        calibration,
        target,
        options,
        partial(preprocess_onnx, skip=skip, enable=enable),
        Outputs(batch_of(loaded), save_to, save_exponents),
        measure,
        progress,
    )
    if is_quantized(loaded):
        check_float(exponents=exponents, save_exponents=save_exponents)
        if requantize and not inspect_quantized(loaded, target).is_ours:
            return request.express_anew(loaded)
        return request.take(loaded, [*as_names(skip, "skip"), *as_names(enable, "enable")])
    if requantize and given is None:
        warnings.warn(
            "the model is float and quantized as such; without effect: requantize",
            EspdlWarning,
            stacklevel=2,
        )
    if given is None or (isinstance(given, EspPpqExponents) and calibration is not None):
        return request.by_data(loaded, given)
    return request.by_file(loaded, given, str(exponents), ["requantize"] if requantize else [])


def _check_steps(skip: Collection[str], enable: Collection[str]) -> None:
    for step in select_steps(skip, enable):
        if step.last:
            raise EspdlError(
                "the step is for float models that are written",
                where="option enable",
                found=repr(step.name),
                allowed="steps that quantizing leaves something of: it infers all shapes itself",
                try_="leave it out",
            )


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
