"""Takes a model that others quantized as it is, if it is in the chip's terms.

Must never change a scale, an integer or a bias: what would need that is refused, with the offer to
requantize; biases that are wider than what the chip's kernels keep are named.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from onnx import ModelProto

from ...chips import Chip, find_chip
from ...onnx_graphs.chip_metadata import write_chip
from ...onnx_graphs.qlinear.quantizer import Quantizers
from .inspection import inspect_quantized

_WITH_BIAS = ("Conv", "ConvTranspose", "Gemm")


def take_as_is(model: str | os.PathLike[str] | ModelProto, chip: str | Chip) -> ModelProto:
    """A copy, in QDQ form, of a model that others quantized; its metadata name the chip.

    Raises ModelError if the model is not quantized, or not in the chip's terms: scales 2**e, zero
    points 0, int8 or int16 (or what is the same in unsigned types), int32 biases at the scale of
    their products, one scale for all weights of a layer where the chip has only that. It names the
    first tensors that offend, and says whether requantization would do.
    """
    target = find_chip(chip) if isinstance(chip, str) else chip
    inspection = inspect_quantized(model, target)
    if not inspection.is_ours:
        raise inspection.refusal()
    write_chip(inspection.model, target)
    return inspection.model


def wide_biases(model: ModelProto, chip: Chip) -> Iterator[str]:
    """A sentence about each bias of which `chip` loses high bits; the model is QDQ in its terms."""
    quantizers = Quantizers(model)
    for node in quantizers.graph.nodes:
        if node.op_type not in _WITH_BIAS or len(node.input) < 3:
            continue
        makers = [quantizers.dequantizing(name) for name in node.input[:3]]
        found = [quantizers.of(maker) for maker in makers if maker is not None]
        scales = [one.scale for one in found if one.scale is not None]
        bias = "" if makers[2] is None else makers[2].input[0]
        if len(scales) < 3 or bias not in quantizers.initializers:
            continue
        # The kernel has the bias at the exponent of the products.
        integers = quantizers.constant(bias).astype(np.float64)
        sums = integers.ravel() * (scales[2].ravel() / (scales[0].ravel() * scales[1].ravel()))
        bits = chip.bias_bits(f"int{found[0].bits}", in_lanes=True)
        wide = int(((sums < -(2.0 ** (bits - 1))) | (sums > 2.0 ** (bits - 1) - 1)).sum())
        if wide:
            yield (
                f"{node.name or node.output[0]}: {wide} of {sums.size} values of its bias "
                f"{node.input[2]!r} do not fit the {bits} bits that the kernels of {chip.name} "
                f"keep, and wrap around there; quantize the float model for {chip.name} instead"
            )
