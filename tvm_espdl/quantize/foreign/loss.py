"""Measures what requantization costs: the outputs beside those of the original quantized model.

Must never run the requantized network itself but through what it is given: whoever has the
chip's own integer arithmetic passes it in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from ...errors import DataError
from ...onnx_graphs.graph import Array
from ...onnx_graphs.model import fix_batch, output_names
from ...onnx_graphs.qlinear.rewrite import rewrite_qlinear
from ...samples import Sample
from ..calibration import watching
from .inputs import DRAWN, random_inputs
from .strip import Stripped, strip_quantization

Run = Callable[[Sample], Mapping[str, Array]]


@dataclass(frozen=True)
class OutputLoss:
    """How far one output moved.

    Attributes
    ----------
    name : str
        The output.
    snr : float
        Power of the original over power of the difference, in dB; infinite without a difference,
        minus infinity where what was found is not finite.
    largest : float
        The largest absolute difference.
    agreement : float or None
        Share of samples with the same largest element, for outputs that are vectors of classes.
    """

    name: str
    snr: float
    largest: float
    agreement: float | None

    def __str__(self) -> str:
        if self.snr == -math.inf and not math.isfinite(self.largest):
            return f"output {self.name!r}: not finite"
        text = f"output {self.name!r}: {self.snr:.1f} dB, largest difference {self.largest:.4g}"
        return text + ("" if self.agreement is None else f", same top-1 {self.agreement:.1%}")


@dataclass(frozen=True)
class RequantizationLoss:
    """How far a requantized network is from the quantized one it was made from.

    Attributes
    ----------
    samples : int
        How many were compared.
    seed : int or None
        The seed of random samples; None for given ones.
    outputs : tuple of OutputLoss
        In the order of the model.
    """

    samples: int
    seed: int | None
    outputs: tuple[OutputLoss, ...]

    def __str__(self) -> str:
        kind = "given samples" if self.seed is None else f"random inputs (seed {self.seed})"
        head = f"requantization, against the original on {self.samples} {kind}:"
        return "\n".join([head, *(f"  {output}" for output in self.outputs)])


def measure_requantization(
    original: ModelProto,
    requantized: Run,
    samples: Iterable[Sample] | None = None,
    *,
    seed: int = 0,
) -> RequantizationLoss:
    """Compare a requantized network, a function from a sample to its outputs, with the original.

    The original runs in onnxruntime in its QDQ form: of QLinearConv, onnxruntime saturates sums of
    uint8 by int8 products on some CPUs. Without `samples`, `DRAWN` random ones within the inputs'
    ranges are compared; what was an integer input of the original is float in them.

    Raises DataError if there are no samples, the outputs have other shapes, or no range of an input
    is known.
    """
    stripped = strip_quantization(original)
    fixed = fix_batch(rewrite_qlinear(original))
    reference = _original(fixed, stripped)
    totals = {name: _Total(name) for name in output_names(fixed)}
    count = 0
    for sample in random_inputs(stripped, DRAWN, seed) if samples is None else samples:
        found = requantized(sample)
        for name, wanted in reference(sample).items():
            totals[name].add(wanted, found[name])
        count += 1
    if not count:
        raise DataError("no samples", where="samples", found=0, allowed="1 or more")
    outputs = tuple(total.loss() for total in totals.values())
    return RequantizationLoss(count, seed if samples is None else None, outputs)


def _original(model: ModelProto, stripped: Stripped) -> Run:
    """The original in onnxruntime, its integer inputs and outputs as real numbers."""
    read = watching(model, output_names(model), "the original model")
    inputs, outputs = stripped.inputs, stripped.outputs

    def run(sample: Sample) -> Mapping[str, Array]:
        feed = {n: inputs[n].quantize(v) if n in inputs else v for n, v in sample.items()}
        return {n: outputs[n].dequantize(v) if n in outputs else v for n, v in read(feed).items()}

    return run


class _Total:
    """Sums over the samples, of one output."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._signal = self._noise = self._largest = 0.0
        self._agreed: list[bool] = []

    def add(self, wanted: Array, found: Array) -> None:
        if wanted.shape != found.shape:
            raise DataError(
                "the requantized network gives another shape",
                where=f"output {self._name!r}",
                found=found.shape,
                allowed=wanted.shape,
            )
        a, b = wanted.astype(np.float64).ravel(), found.astype(np.float64).ravel()
        finite = bool(np.isfinite(b).all())
        self._signal += float(a @ a)
        self._noise += float((a - b) @ (a - b)) if finite else math.inf
        largest = float(np.abs(a - b).max(initial=0.0)) if finite else math.inf
        self._largest = max(self._largest, largest)
        # Integers tie easily: any of the original's largest elements counts as the same.
        if a.size > 1 and max(wanted.shape) == a.size:
            self._agreed.append(finite and bool(a[int(b.argmax())] == a.max()))

    def loss(self) -> OutputLoss:
        snr = math.inf
        if self._noise:
            ratio = self._signal / self._noise
            snr = 10 * math.log10(ratio) if ratio else -math.inf
        agreement = float(np.mean(self._agreed)) if self._agreed else None
        return OutputLoss(self._name, snr, self._largest, agreement)
