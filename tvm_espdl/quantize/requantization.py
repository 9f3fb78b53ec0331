"""Models that others quantized, with the nearest power-of-two scales instead of their own.

Must never take a scale from data: what the given model states decides, data only fill gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from onnx import ModelProto

from ..chips import Chip
from ..onnx_graphs.graph import Graph
from ..onnx_graphs.model import input_signature
from ..samples import Calibration, Sample, SeveralPasses
from .by_exponents import int16_tensors
from .exact import build_exact
from .foreign import (
    RequantizationLoss,
    complete_ranges,
    measure_requantization,
    nearest_exponent,
    random_inputs,
    strip_quantization,
)
from .foreign.inputs import DRAWN
from .plan import make_plan
from .quantization import Options, Quantization, quantize


def requantize(
    model: ModelProto,
    calibration: Calibration | None,
    chip: Chip,
    options: Options,
    prepare: Callable[[ModelProto], ModelProto],
    *,
    progress: bool | None,
) -> tuple[Quantization, Options, Callable[[int | None], RequantizationLoss]]:
    """Re-express a network that others quantized with power-of-two scales; it is left as it is.

    What the float network does with typical inputs says how weights are rounded best, and what
    scales cost. Without `calibration` random inputs are run, and weights are rounded to the
    nearest. `prepare` preprocesses a float network; the other arguments are those of
    `quantize_onnx`.

    Returns the network; the options that it was made with, for the method for activations has no
    say; and a function that measures on so many samples, by default on all, how far its outputs,
    with the chip's exact bits, are from those of the original in onnxruntime. Raises ModelError if
    no choice of scales expresses the model.
    """
    stripped = strip_quantization(model)
    prepared = prepare(stripped.model)
    given: Iterable[Sample] | None = None
    if calibration is None:
        options = replace(options, weights="minmax", recover=(), hold_out=0)
    else:
        given = SeveralPasses(calibration, input_signature(prepared), progress=progress)
    samples = list(random_inputs(stripped, DRAWN, seed=0)) if given is None else given
    ranges = complete_ranges(prepared, stripped, given)
    kept = int16_tensors(stripped.bits, make_plan(Graph(prepared)))
    options = replace(options, int16=(*options.int16, *kept))
    exponents = {
        name: {bits: nearest_exponent(low, high, bits) for bits in (8, 16)}
        for name, (low, high) in ranges.items()
    }
    done = quantize(prepared, samples, chip, options, exponents=exponents)
    options = replace(options, activations="nearest to the given scales")

    def loss(count: int | None = None) -> RequantizationLoss:
        (network,) = build_exact([done.write()], chip.name)
        first = None if given is None else islice(given, count)
        return measure_requantization(model, network.outputs, first)

    return done, options, loss
