"""Makes the report of a quantization: what it measures is measured with the integer library.

Must never influence the quantization; a network that cannot be compiled is reported unmeasured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import ModelProto

from ...errors import EspdlError
from ...onnx_graphs.graph import Array
from ...samples import ProgressLine, Sample
from ..advice.advising import advise
from ..calibration import watching
from ..candidate import Candidate
from ..clock import Clock
from ..exact import ExactNetwork, build_exact
from ..masks import log_probabilities
from ..plan import Plan
from ..quantization import Options, Quantization
from ..recovery import Trial
from ..rules import is_relu
from .account import Account
from .accuracy import Accuracy, Outputs, compare_outputs, float_outputs
from .deviation import decibels
from .effort import Effort, Measure, effort_of, spread
from .findings import accumulator_findings, dead_channels, findings
from .layers import MOST_SAMPLES, LayerMeasurement
from .quantization_report import QuantizationReport
from .rows import Footprint, StepRow
from .shared import sharing_losses, special_softmaxes
from .stored_again import stored_again

#: Rescaled tensors that are named.
SHOWN = 3

_UNSEEN = (
    "layers were not measured: the compiler gives the network other bits once its inner tensors "
    "are outputs"
)


def make_report(
    done: Quantization,
    options: Options,
    *,
    measure: Measure,
    clock: Clock | None = None,
    reference: ModelProto | None = None,
    progress: ProgressLine | None = None,
) -> QuantizationReport:
    """Make the report of what was `done`.

    `measure` says whether to compile the network and measure its accuracy, against the float
    network `reference` or the one that was quantized; `clock` what its phases took so far; the
    `progress` is told what is done.
    """
    clock = clock or Clock()
    assignment = done.assignment()
    account = Account(
        done.bench.plan.absorb_clips(assignment.tensors),
        assignment,
        done.bench.assigner.ranges,
        done.bench.chip,
    )
    rows = account.rows()
    report = QuantizationReport(
        done.bench.chip.name,
        options.activations,
        done.samples,
        rows,
        account.left_float(),
        options.weights,
        notes=(
            *_judged_by(done),
            *_rescaled(done),
            *special_softmaxes(done.bench.plan),
            *stored_again(account),
        ),
        warnings=(
            *findings(account, rows),
            *(() if measure else sharing_losses(done.bench.assigner, assignment)),
        ),
        steps=tuple(_steps(done.trials, ())),
        unmeasured="" if measure else "not asked for",
        tradeoff=done.tradeoff,
    )
    if measure:
        with clock.phase("advise"):
            report = replace(report, advice=advise(done.bench, done.candidate, measure))
        models, places = _models(done)
        samples = done.bench.held_out or done.bench.samples
        effort = effort_of(account.plan, len(samples), len(models), measure)
        with clock.phase("measure"):
            measurement = _Measurement(
                account,
                done,
                reference or done.bench.model,
                models if effort.steps else models[:1],
                places if effort.steps else [],
                effort,
                progress or ProgressLine(),
            )
            report = measurement.added_to(report)
    return replace(report, seconds=dict(clock.seconds))


def _judged_by(done: Quantization) -> Iterator[str]:
    judged, outputs = done.bench.plan.objective(), list(done.bench.plan.graph.outputs)
    if judged != outputs and (done.trials or done.tradeoff):
        yield (
            f"steps and layers were judged by {', '.join(judged)}, from which "
            f"{', '.join(outputs)} {'is' if len(outputs) == 1 else 'are'} computed"
        )


def _rescaled(done: Quantization) -> Iterator[str]:
    names = sorted(done.candidate.scaling)
    if names:
        shown = ", ".join(names[:SHOWN]) + (" and others" if len(names) > SHOWN else "")
        yield (
            "equalization rescaled channels: ranges, histograms and SNR of tensors and weights "
            f"around {shown} are those of the rescaled network, which computes the same"
        )


@dataclass(frozen=True, eq=False)
class _Measurement:
    """All that is measured with the chip's bits."""

    account: Account
    done: Quantization
    reference: ModelProto
    models: Sequence[ModelProto]  #: The result, and those of the steps where they are measured.
    places: Sequence[int]  #: Of the result and each step: which of the models it is.
    effort: Effort
    progress: ProgressLine

    def added_to(self, report: QuantizationReport) -> QuantizationReport:
        """The report with the figures, or with the reason why there are none."""
        account, done = self.account, self.done
        kept = done.bench.held_out or done.bench.samples
        samples = spread(kept, self.effort.outputs)
        self.progress.stage(f"measure: {len(samples)} samples in float")
        try:
            references = float_outputs(self.reference, self._shown(samples))
            looked_at = spread(kept, self.effort.layers)
            layers = LayerMeasurement(
                done.bench.model, account.plan, account.assignment, account.chip, looked_at
            )
            self.progress.stage(f"measure: compiling {len(self.models)} networks")
            networks = build_exact(self.models, more=layers.models)
            own = [
                self._compared(number, network, references, samples)
                for number, network in enumerate(networks[: len(self.models)], 1)
            ]
            self.progress.stage("measure: layers")
            noise = layers.run(networks[0], networks[len(self.models) :], self.progress.step)
        except EspdlError as problem:
            # The network is quantized all the same: it may be meant for another runtime.
            return replace(report, unmeasured=str(problem))
        of_steps = [own[place] for place in self.places[1:]]
        alive = _alive_channels(done.bench.model, account.plan, self._looked_through())
        warnings = (
            *report.warnings,
            *([] if noise else [_UNSEEN]),
            *dead_channels(alive, len(self._looked_through())),
            *accumulator_findings(account, networks[0].program),
        )
        return replace(
            report,
            rows=replace(account, noise=noise).rows(),
            accuracy=own[0],
            steps=tuple(_steps(done.trials, of_steps)),
            notes=(*report.notes, *self._left_out(len(kept))),
            warnings=warnings,
            footprint=_footprint(networks[0]),
            network=networks[0].identity,
        )

    def _compared(
        self,
        number: int,
        network: ExactNetwork,
        references: Sequence[Outputs],
        samples: Sequence[Sample],
    ) -> Accuracy:
        self.progress.stage(f"measure: network {number} of {len(self.models)}, sample")
        found = map(network.outputs, self._shown(samples))
        return compare_outputs(
            references,
            found,
            in_sample=not self.done.bench.held_out,
            logarithms=log_probabilities(self.account.plan.graph),
        )

    def _shown(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            self.progress.step()
            yield sample

    def _looked_through(self) -> list[Sample]:
        return spread(self.done.bench.samples, self.effort.outputs)

    def _left_out(self, kept: int) -> Iterator[str]:
        """What was not measured, so that it does not take long."""
        parts = []
        if self.effort.outputs < kept:
            parts.append(f"the outputs on {self.effort.outputs} of {kept} samples")
        if self.effort.layers < min(kept, MOST_SAMPLES):
            parts.append(f"single layers on {self.effort.layers}")
        if not self.effort.steps and self.done.trials:
            parts.append("steps of recovery not at all")
        if parts:
            yield (
                f"so that it takes about a minute, {', '.join(parts)} were measured with the "
                "chip's bits; measure='all' (--measure_all) takes all"
            )


def _footprint(network: ExactNetwork) -> Footprint | None:
    try:
        return Footprint(*network.footprint())
    except EspdlError:
        return None  # The report of partitioning names what keeps it from being exported.


def _models(done: Quantization) -> tuple[list[ModelProto], list[int]]:
    """The result, the network without recovery and that of each step; equal ones once.

    The second list says of each of these which of the models it is.
    """
    candidates = [done.candidate]
    if done.trials:
        candidates += [Candidate(), *(trial.candidate for trial in done.trials)]
    models: list[ModelProto] = []
    known: dict[bytes, int] = {}
    places = []
    for candidate in candidates:
        model = done.write(candidate)
        place = known.setdefault(model.SerializeToString(), len(models))
        if place == len(models):
            models.append(model)
        places.append(place)
    return models, places


def _steps(trials: Sequence[Trial], measured: Sequence[Accuracy]) -> Iterator[StepRow]:
    """The network without recovery, then each step that was tried.

    `measured` has the accuracy of each; it is empty where only the result was measured.
    """
    if not trials:
        return
    known: list[Accuracy | None] = [*measured] or [None] * (len(trials) + 1)
    before, *others = known
    yield StepRow("", True, decibels(trials[0].before), None, before, None)
    for trial, after in zip(trials, others, strict=True):
        judged = decibels(trial.before), decibels(trial.after)
        levels = [None if one is None else one.snr for one in (before, after)]
        figures = judged[1], _gain(*judged), after, _gain(*levels)
        yield StepRow(trial.step, trial.applied, *figures)
        before = after if trial.applied else before


def _gain(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _alive_channels(model: ModelProto, plan: Plan, samples: Sequence[Sample]) -> dict[str, Array]:
    """Of each layer that ends in a Relu, which channels of its output are ever above zero."""
    axes = {}
    for layer in plan.layers():
        maker = plan.graph.producer(layer.output)
        if maker is not None and is_relu(plan.graph.nodes[maker]):
            kind = plan.graph.nodes[layer.node].op_type
            axes[layer.output] = 1 if kind in ("Conv", "ConvTranspose") else -1
    alive: dict[str, Array] = {}
    for tensors in map(watching(model, list(axes)), samples):
        for name, values in tensors.items():
            rows = np.moveaxis(values, axes[name], 0).reshape(values.shape[axes[name]], -1)
            found = np.asarray((rows > 0).any(axis=1))
            alive[name] = alive[name] | found if name in alive else found
    return alive
