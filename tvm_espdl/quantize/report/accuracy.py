"""How well a quantized network agrees with the float one, computed with the chip's bits.

Must never use a simulation: the quantized outputs come from the integer library.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto

from ...errors import DataError, ModelError
from ...onnx_graphs.graph import Array, Graph
from ...onnx_graphs.model import fix_batch, input_signature, load_model, output_names
from ...samples import Calibration, Sample, read_samples
from ..calibration import watching
from ..exact import build_exact
from ..masks import log_probabilities, unmasked
from .deviation import Deviation, decibels

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class OutputAccuracy:
    """How one output agrees.

    Attributes
    ----------
    name : str
        Of the output.
    deviation : Deviation or None
        From the float network's; None for integers and truth values.
    equal : float or None
        Share of equal values, for integers and truth values; None for floats.
    top1 : int or None
        Samples with the same largest value; None where more than one axis, or none, is longer
        than 1.
    correct, float_correct : int or None
        Samples whose largest value is at the label, here and in the float network.
    """

    name: str
    deviation: Deviation | None
    equal: float | None = None
    top1: int | None = None
    correct: int | None = None
    float_correct: int | None = None


@dataclass(frozen=True)
class Accuracy:
    """How all outputs agree.

    Attributes
    ----------
    samples : int
        How many were compared.
    in_sample : bool
        Whether these samples took part in calibration.
    outputs : tuple of OutputAccuracy
        In the model's order.
    """

    samples: int
    in_sample: bool
    outputs: tuple[OutputAccuracy, ...]

    @property
    def broken(self) -> int:
        """How many values of the outputs are NaN or infinite."""
        return sum(output.deviation.broken for output in self.outputs if output.deviation)

    @property
    def snr(self) -> float | None:
        """The network's SNR in dB: of noise over signal, the mean over all float outputs.

        Outputs without a signal are left out; None where none is left, there is no noise, or a
        value is not finite.
        """
        found = [output.deviation.ratio for output in self.outputs if output.deviation is not None]
        ratios = [ratio for ratio in found if ratio is not None]
        return decibels(float(np.mean(ratios))) if ratios else None


@dataclass
class _Tally:
    """One output, sample by sample."""

    deviation: Deviation = field(default_factory=Deviation)
    equal: int = 0
    values: int = 0
    top1: int = 0
    correct: int = 0
    float_correct: int = 0
    is_float: bool = True
    has_classes: bool = True

    def add(self, reference: Array, found: Array, label: int | None, *, logarithm: bool) -> None:
        self.is_float = bool(np.issubdtype(reference.dtype, np.floating))
        if self.is_float:
            counting = unmasked(reference, found) if logarithm else (reference, found)
            self.deviation += Deviation.between(*counting)
        self.equal += int((reference == found).sum())
        self.values += reference.size
        self.has_classes &= self.is_float and sum(extent > 1 for extent in reference.shape) == 1
        if self.has_classes:
            wanted = int(reference.argmax())
            # The largest of values that are not all numbers is no answer.
            got = int(found.argmax()) if np.isfinite(found).all() else None
            self.top1 += wanted == got
            self.correct += got is not None and got == label
            self.float_correct += wanted == label

    def result(self, name: str, *, labelled: bool) -> OutputAccuracy:
        judged = labelled and self.has_classes
        return OutputAccuracy(
            name,
            self.deviation if self.is_float else None,
            None if self.is_float or not self.values else self.equal / self.values,
            self.top1 if self.has_classes else None,
            self.correct if judged else None,
            self.float_correct if judged else None,
        )


def compare_outputs(
    references: Iterable[Outputs],
    found: Iterable[Outputs],
    labels: Sequence[int] | None = None,
    *,
    in_sample: bool = False,
    logarithms: Container[str] = (),
) -> Accuracy:
    """Compare the outputs of two networks, the float one and the quantized one, sample by sample.

    `labels` are the right class of each sample; `in_sample` says whether the samples took part in
    calibration; of the outputs `logarithms` masked values do not count. Raises DataError if the
    float network's outputs are not finite.
    """
    tallies: dict[str, _Tally] = {}
    count = 0
    for number, (wanted, got) in enumerate(zip(references, found, strict=True)):
        count += 1
        label = None if labels is None else int(labels[number])
        for name, reference in wanted.items():
            logarithm = name in logarithms
            _check_finite(reference, name, number, logarithm=logarithm)
            tally = tallies.setdefault(name, _Tally())
            tally.add(reference, got[name], label, logarithm=logarithm)
    outputs = [tally.result(n, labelled=labels is not None) for n, tally in tallies.items()]
    return Accuracy(count, in_sample, tuple(outputs))


def float_outputs(model: ModelProto, samples: Iterable[Sample]) -> list[dict[str, Array]]:
    """The outputs of a float network with batch 1, one dict per sample."""
    read = watching(model, output_names(model))
    return [read(sample, f"sample {number}") for number, sample in enumerate(samples)]


def measure_accuracy(
    float_model: str | os.PathLike[str] | ModelProto,
    quantized_model: str | os.PathLike[str] | ModelProto,
    samples: Calibration,
    labels: Sequence[int] | Array | None = None,
    chip: str | None = None,
) -> Accuracy:
    """Measure how well any QDQ network with power-of-two scales does on a chip.

    Parameters
    ----------
    float_model : path or ModelProto
        What it was made from: the same inputs and outputs, by name.
    quantized_model : path or ModelProto
        The quantized network; it runs with the chip's exact bits.
    samples : array, dict, path, ImageFolder or iterable
        Inputs, as for `quantize_onnx`; best such that were not calibrated with.
    labels : sequence of int, optional
        The right class of each sample, (N,): counts how often the largest value of an output is
        there, of both networks.
    chip : str, optional
        By default the one that the network was quantized for.

    Returns
    -------
    Accuracy
        Over all samples.

    Raises
    ------
    DataError
        If the samples do not fit the network, there is not one label for each, or the float
        network's outputs are not finite.
    ModelError
        If the networks do not fit each other, or one of them cannot be run.
    """
    (network,) = build_exact([load_model(quantized_model)], chip)
    reference = fix_batch(load_model(float_model))
    _check_names(output_names(reference), network.output_names)
    held = list(read_samples(samples, input_signature(reference), label="samples"))
    right = None if labels is None else np.asarray(labels)
    if right is not None and right.shape != (len(held),):
        raise DataError(
            "there is not one label for each sample",
            where="labels",
            found=f"shape {right.shape}",
            allowed=f"({len(held)},)",
        )
    return compare_outputs(
        float_outputs(reference, held),
        (network.outputs(sample) for sample in held),
        None if right is None else [int(label) for label in right],
        logarithms=log_probabilities(Graph(reference)),
    )


def _check_names(wanted: Sequence[str], found: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ModelError(
            "the quantized network lacks outputs of the float one",
            where="measure_accuracy",
            found=", ".join(found),
            allowed=", ".join(wanted),
            try_="the float model that it was made from",
        )


def _check_finite(values: Array, name: str, number: int, *, logarithm: bool) -> None:
    if logarithm:
        values = values[values != -np.inf]
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        raise DataError(
            "an output of the float network is not finite",
            where=f"output {name!r}, sample {number}",
            found=f"{int((~np.isfinite(values)).sum())} of {values.size} values",
            allowed="finite numbers",
            try_="look whether the sample is scaled as in training",
        )
