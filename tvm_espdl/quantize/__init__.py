"""Post-training quantization: float ONNX in, ONNX with power-of-two int8 scales (QDQ) out.

Must never change the model it is given, or give other bytes for the same input. TVM only runs what
`exact.py` hands it, to measure; nothing here imports it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from onnx import ModelProto

from ..chips import CHIPS, DEFAULT_CHIP, Chip, find_chip
from ..errors import ChipError, DataError, EspdlWarning
from ..files.output_files import check_new
from ..onnx_graphs.model import input_signature, load_model, save_model
from ..onnx_graphs.option_names import as_names
from ..onnx_graphs.samples_of_a_batch import batch_of, with_batch, with_batch_of_one
from ..onnx_graphs.stored_weights import float_weights
from ..preprocess import PreprocessReport, preprocess_onnx, preprocess_with_report
from ..preprocess.steps import select_steps
from ..samples import Calibration, ImageFolder, ProgressLine, read_samples
from .clock import Clock
from .foreign import RequantizationLoss, inspect_quantized, is_quantized
from .held_out import check_hold_out
from .mixed import Goal
from .quantization import Options, Quantization, quantize
from .report import Accuracy, FloatRow, QuantizationReport, TensorRow, measure_accuracy
from .report.effort import MOST_COMPARED, Measure, check_measure, effort_of
from .report.making import make_report
from .requantization import requantize as express_anew
from .taking import take, without_effect

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
    """

    model: ModelProto
    report: QuantizationReport
    loss: RequantizationLoss | None = None

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
    calibration: Calibration | None,
    chip: str = DEFAULT_CHIP,
    *,
    activations: str = "mse",
    weights: str = "output",
    per_channel: bool | None = None,
    int16: str | Collection[str] = (),
    float: str | Collection[str] = (),
    wanted_snr: float | None = None,
    budget: float | None = None,
    recover: str | Collection[str] | None = None,
    hold_out: int = 4,
    skip: str | Collection[str] = (),
    enable: str | Collection[str] = (),
    requantize: bool = False,
    measure: Measure = True,
    save_to: str | os.PathLike[str] | None = None,
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
        quantized.
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
    int16 : str or collection of str
        Layers that compute in int16, named by their node or an output tensor, or by a pattern
        with `*`; "*" is all of them. "auto" chooses them: those that gain most per extra cycle,
        beside the layers that are named; where they do not reach `wanted_snr`, also layers that
        stay float.
    float : str or collection of str
        Layers that stay float, named in the same way: TVM computes them, which takes more time and
        memory. For what integers are too coarse for, such as a power spectrum.
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
    hold_out : int
        Each sample of this number does not take part in calibration and judges the result; 0, or
        fewer than 8 samples: none. A number above that of the samples is warned of.
    skip, enable : str or collection of str
        Steps of preprocessing to leave out or to add.
    requantize : bool
        Whether a network that others quantized with other scales may be re-expressed with the
        nearest ones; `.loss` says what that costs. Of a float network it warns, and does nothing.
    measure : bool or "all"
        Whether to compile the network and measure its accuracy, with the chip's exact bits, for
        the report; the network is the same without. True looks at as much as takes about a
        minute, which the size of the network decides, "all" at all samples.
    save_to : path, optional
        The .onnx file to write as soon as there is a network, before it is measured.
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
        If the calibration data do not fit the model, or a tensor is not finite.
    ChipError
        If there is no such chip, or `per_channel` is asked for on a chip that cannot do it.
    OutputError
        If the file of `save_to` exists, which is looked at first, or cannot be written.
    EspdlError
        If there is no such method, step or layer.
    """
    check_measure(measure)
    if save_to is not None:
        check_new(save_to)
    target = find_chip(chip)
    options = Options(
        activations,
        weights,
        _decide_per_channel(target, per_channel),
        as_names(int16, "int16"),
        None if recover is None else as_names(recover, "recover"),
        check_hold_out(hold_out),
        Goal(wanted_snr, budget),
        as_names(float, "float"),
    )
    options.check_names()
    select_steps(as_names(skip, "skip"), as_names(enable, "enable"))
    loaded, prepare = (
        float_weights(load_model(model)),
        partial(preprocess_onnx, skip=skip, enable=enable),
    )
    batch = batch_of(loaded)
    if is_quantized(loaded):
        if not requantize or inspect_quantized(loaded, target).is_ours:
            ignored = without_effect(options, calibration, skip=skip, enable=enable)
            return _saved(QuantizationResult(*take(loaded, target, ignored)), save_to)
        done, options, loss_of = express_anew(
            with_batch_of_one(loaded) if batch > 1 else loaded,
            calibration,
            target,
            options,
            prepare,
            progress=progress,
        )
        written = with_batch(done.write(), batch)
        if save_to is not None:
            save_model(written, save_to)
        with ProgressLine(progress).shown() as line:
            line.stage("measure: what requantization costs")
            loss = loss_of(_samples_of_loss(done, measure)) if measure else None
            report = make_report(done, options, measure=measure, progress=line)
        if calibration is None:
            drawn = "there were no calibration data: the samples are random inputs (seed 0)"
            report = replace(report, notes=(drawn, *report.notes))
        report = replace(report, loss=loss)
        return QuantizationResult(written, report, loss)
    if requantize:
        warnings.warn(
            "the model is float and quantized as such; without effect: requantize",
            EspdlWarning,
            stacklevel=2,
        )
    if calibration is None:
        raise DataError(
            "a float network needs calibration data",
            where="argument calibration",
            found="None",
            allowed="typical inputs: an array, a dict, a path, an ImageFolder or an iterable",
            try_="numpy.load a file of 32 to 200 inputs, scaled as in training "
            "(--calibrate_dataset)",
        )
    clock = Clock()
    with ProgressLine(progress).shown() as line:
        line.stage("preprocess")
        with clock.phase("preprocess"):
            prepared = prepare(loaded)
        line.stage("")  # Reading has a bar of its own.
        samples = read_samples(calibration, input_signature(prepared), progress=progress)
        done = quantize(prepared, samples, target, options, clock=clock, progress=line)
        written = with_batch(done.write(), batch)
        if save_to is not None:
            save_model(written, save_to)
        report = make_report(
            done, options, measure=measure, clock=clock, reference=prepared, progress=line
        )
    return QuantizationResult(written, report)


def _samples_of_loss(done: Quantization, measure: Measure) -> int | None:
    """How many samples the original is compared on; None for all."""
    plan = done.bench.plan
    return None if measure == "all" else effort_of(plan, MOST_COMPARED, 1, measure).outputs


def _saved(result: QuantizationResult, path: str | os.PathLike[str] | None) -> QuantizationResult:
    if path is not None:
        result.save(path)
    return result


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
