"""Finds biases of quantized models that are wider than what a chip's kernels keep of them.

Must never change one: a model that is taken is taken as it is, with a word about them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, numpy_helper

from ...chips import Chip
from ...onnx_graphs.graph import Array
from ...onnx_graphs.qlinear.quantizer import Quantizer, Quantizers, is_dequantize

_WITH_BIAS = ("Conv", "ConvTranspose", "Gemm")


def wide_biases(model: ModelProto, chip: Chip) -> Iterator[str]:
    """A sentence about each bias of which `chip` loses high bits; the model is QDQ in its terms."""
    quantizers = Quantizers(model)
    for node in quantizers.graph.nodes:
        if node.op_type not in _WITH_BIAS or len(node.input) < 3:
            continue
        found = [_into(name, quantizers) for name in node.input[:3]]
        if found[0] is None or found[1] is None or found[2] is None:
            continue
        (data, _), (weight, _), (bias, integers) = found[0], found[1], found[2]
        scales = [quantizer.scale for quantizer in (data, weight, bias)]
        if integers is None or scales[0] is None or scales[1] is None or scales[2] is None:
            continue
        # The kernel has the bias at the exponent of the products.
        sums = integers.ravel() * (scales[2].ravel() / (scales[0].ravel() * scales[1].ravel()))
        bits = chip.bias_bits(data.dtype, in_lanes=True)
        wide = int(((sums < -(2.0 ** (bits - 1))) | (sums > 2.0 ** (bits - 1) - 1)).sum())
        if wide:
            yield (
                f"{node.name or node.output[0]}: {wide} of {sums.size} values of its bias "
                f"{node.input[2]!r} do not fit the {bits} bits that the kernels of {chip.name} "
                f"keep, and wrap around there; quantize the float model for {chip.name} instead"
            )


def _into(name: str, quantizers: Quantizers) -> tuple[Quantizer, Array | None] | None:
    """What a tensor is dequantized with, and its integers if they are constant."""
    maker = quantizers.graph.producer(name)
    if maker is None or not is_dequantize(quantizers.graph.nodes[maker]):
        return None
    node = quantizers.graph.nodes[maker]
    constant = quantizers.initializers.get(node.input[0])
    integers = None if constant is None else numpy_helper.to_array(constant).astype(np.float64)
    return quantizers.of(node), integers
