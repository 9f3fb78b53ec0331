"""What becomes of a network that `quantize_onnx` is given: taken, expressed anew, or quantized.

Must never choose a default: that is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from onnx import ModelProto

from ..chips import Chip
from ..onnx_graphs.model import input_signature, save_model
from ..onnx_graphs.samples_of_a_batch import with_batch, with_batch_of_one
from ..samples import Calibration, ProgressLine, read_samples
from .by_exponents import Given, by_exponents, check_alone, with_known
from .clock import Clock
from .exponent_files import EspPpqExponents
from .outputs import Outputs, applied_of, needs_data
from .quantization import Options, Quantization, quantize
from .report.effort import MOST_COMPARED, Measure, effort_of
from .report.making import make_report
from .requantization import requantize
from .result import QuantizationResult
from .taking import take, without_effect


@dataclass(frozen=True, eq=False)
class Request:
    """What was asked for."""

    calibration: Calibration | None
    chip: Chip
    options: Options
    prepare: Callable[[ModelProto], ModelProto]  #: Preprocesses a float network.
    outputs: Outputs
    measure: Measure
    progress: bool | None

    def take(self, loaded: ModelProto, steps: Sequence[str]) -> QuantizationResult:
        """A network that is quantized in the chip's terms, as it is; `steps` were asked for."""
        ignored = without_effect(self.options, self.calibration, skip=steps, enable=())
        result = QuantizationResult(*take(loaded, self.chip, ignored))
        if self.outputs.model is not None:
            result.save(self.outputs.model)
        return result

    def express_anew(self, loaded: ModelProto) -> QuantizationResult:
        """A network that others quantized, with the nearest scales."""
        batch = self.outputs.batch
        done, options, loss_of = requantize(
            with_batch_of_one(loaded) if batch > 1 else loaded,
            self.calibration,
            self.chip,
            self.options,
            self.prepare,
            progress=self.progress,
        )
        written = with_batch(done.write(), batch)
        if self.outputs.model is not None:
            save_model(written, self.outputs.model)
        with ProgressLine(self.progress).shown() as line:
            line.stage("measure: what requantization costs")
            loss = loss_of(_samples_of_loss(done, self.measure)) if self.measure else None
            report = make_report(done, options, measure=self.measure, progress=line)
        if self.calibration is None:
            drawn = "there were no calibration data: the samples are random inputs (seed 0)"
            report = replace(report, notes=(drawn, *report.notes))
        return QuantizationResult(written, replace(report, loss=loss), loss)

    def by_file(
        self, loaded: ModelProto, given: Given, file: str, more: Sequence[str]
    ) -> QuantizationResult:
        """A float network with the exponents of a file; `more` names what else was asked for."""
        ignored = without_effect(self.options, self.calibration, skip=(), enable=())
        check_alone([*ignored, *more], file)
        applied, report = by_exponents(given, file, self.prepare(loaded), self.options, self.chip)
        model, saved = self.outputs.written(applied.write(self.chip), applied, self.chip)
        return QuantizationResult(model, report, exponents=saved)

    def by_data(self, loaded: ModelProto, given: EspPpqExponents | None) -> QuantizationResult:
        """A float network with exponents that suit the data, but for those that are given."""
        if self.calibration is None:
            raise needs_data()
        clock, options = Clock(), self.options
        known: dict[str, dict[int, int]] = {}
        with ProgressLine(self.progress).shown() as line:
            line.stage("preprocess")
            with clock.phase("preprocess"):
                prepared = self.prepare(loaded)
            line.stage("")  # Reading has a bar of its own.
            signature = input_signature(prepared)
            samples = read_samples(self.calibration, signature, progress=self.progress)
            if given is not None:
                options, known = with_known(given, prepared, options)
            done = quantize(
                prepared, samples, self.chip, options, exponents=known, clock=clock, progress=line
            )
            model, saved = self.outputs.written(done.write(), applied_of(done), self.chip)
            report = make_report(
                done,
                options,
                measure=self.measure,
                clock=clock,
                reference=prepared,
                progress=line,
            )
        return QuantizationResult(model, report, exponents=saved)


def _samples_of_loss(done: Quantization, measure: Measure) -> int | None:
    """How many samples the original is compared on; None for all."""
    plan = done.bench.plan
    return None if measure == "all" else effort_of(plan, MOST_COMPARED, 1, measure).outputs
