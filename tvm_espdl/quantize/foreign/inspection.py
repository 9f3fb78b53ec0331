"""Says whether a model is quantized, and whether it is so in the chip's terms; if not, why not.

Must never change a model, nor decide what is done about what it finds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto

from ...chips import Chip
from ...errors import ModelError
from ...onnx_graphs.graph import Array
from ...onnx_graphs.model import load_model
from ...onnx_graphs.qlinear.forms import is_integer_operator
from ...onnx_graphs.qlinear.quantizer import Quantizer, Quantizers, is_dequantize, is_quantize
from ...onnx_graphs.qlinear.rewrite import rewrite_qlinear
from ...onnx_graphs.unsigned import unsigned_to_signed
from .judgement import Finding, judge_activation, judge_bias, judge_weight

#: How many tensors a refusal names.
SHOWN = 3

OFFER = (
    "`tvm-espdl quantize --requantize` re-expresses the model with the nearest scales and reports "
    "the loss; quantizing the float model with `tvm-espdl quantize` loses less"
)
NO_OFFER = "quantize the float model with `tvm-espdl quantize`"


def is_quantized(model: ModelProto) -> bool:
    """Whether any node of `model` quantizes, dequantizes or computes on quantized integers."""
    return any(
        is_quantize(node) or is_dequantize(node) or is_integer_operator(node)
        for node in model.graph.node
    )


@dataclass(frozen=True)
class Inspection:
    """What `inspect_quantized` found."""

    is_quantized: bool  #: Whether there is anything quantized in it.
    findings: tuple[Finding, ...]  #: What is not in the chip's terms, in the order of the graph.
    model: ModelProto  #: A copy, its integer operators rewritten to QDQ.

    @property
    def is_ours(self) -> bool:
        """Whether the model can be taken as it is."""
        return self.is_quantized and not self.findings

    @property
    def can_be_requantized(self) -> bool:
        """Whether other scales would do: nothing is of a kind that no scale expresses."""
        return self.is_quantized and all(finding.is_curable for finding in self.findings)

    def refusal(self) -> ModelError:
        """The error for a model that cannot be taken as it is, with the offer to requantize it."""
        worst = [finding for finding in self.findings if not finding.is_curable]
        shown = [*worst, *(f for f in self.findings if f.is_curable)][:SHOWN]
        more = len(self.findings) - len(shown)
        return ModelError(
            "the model is quantized in terms that the chips do not have: " + shown[0].reason
            if shown
            else "the model is not quantized",
            where=f"tensor {shown[0].tensor!r}" if shown else "the model",
            found="; ".join(map(str, shown)) + (f"; and {more} more" if more else "")
            if shown
            else "no QuantizeLinear or DequantizeLinear",
            allowed="scales 2**e for an integer e, zero points 0, int8 or int16, int32 biases at "
            "the product's scale",
            try_=NO_OFFER if worst or not shown else OFFER,
        )

    def __str__(self) -> str:
        if not self.is_quantized:
            return "not quantized"
        if not self.findings:
            return "quantized with power-of-two scales: taken as it is"
        offer = "can be requantized" if self.can_be_requantized else "cannot be requantized"
        return "\n".join([f"quantized otherwise, {offer}:", *(f"  {f}" for f in self.findings)])


def inspect_quantized(
    model: str | os.PathLike[str] | ModelProto, chip: Chip | None = None
) -> Inspection:
    """Look how any ONNX model, or file of one, is quantized; it is left as it is.

    With a chip, what only other chips have is found, too. uint8 around 128 is int8 in the copy.

    Raises ModelError if it cannot be read, or has integer operators that QDQ cannot express.
    """
    rewritten = unsigned_to_signed(rewrite_qlinear(load_model(model)), at_the_edge=False)
    per_channel = chip is None or chip.per_channel
    findings = tuple(dict.fromkeys(_Inspector(rewritten, per_channel=per_channel).findings()))
    return Inspection(is_quantized(rewritten), findings, rewritten)


class _Inspector:
    def __init__(self, model: ModelProto, *, per_channel: bool) -> None:
        self._quantizers = Quantizers(model)
        self._per_channel = per_channel
        self._graph = self._quantizers.graph
        self._nodes = self._graph.nodes

    def findings(self) -> Iterator[Finding]:
        for node in self._nodes:
            if is_quantize(node):
                yield from self._quantize(node)
            elif is_dequantize(node):
                yield from self._dequantize(node)

    def _quantize(self, node: NodeProto) -> Iterator[Finding]:
        quantizer = self._quantizers.of(node)
        if self._is_constant(node.input[0]):
            yield from judge_weight(node.input[0], quantizer, per_channel=self._per_channel)
            if misfit := self._misfit(node.input[0], quantizer):
                yield Finding.of(node.input[0], quantizer, misfit, is_curable=False)
        else:
            yield from judge_activation(node.input[0], quantizer)
        yield from self._readers(node)

    def _readers(self, node: NodeProto) -> Iterator[Finding]:
        """What reads the integers otherwise than they were written."""
        name, quantizer = node.output[0], self._quantizers.of(node)
        for index in self._graph.consumers(name):
            reader = self._nodes[index]
            if not is_dequantize(reader):
                reason = f"{reader.op_type} computes on its integers"
                yield Finding.of(name, quantizer, reason, is_curable=False)
            elif not quantizer.same_as(self._quantizers.of(reader)):
                reason = "it is quantized and dequantized with different parameters"
                yield Finding.of(name, quantizer, reason, is_curable=False)

    def _dequantize(self, node: NodeProto) -> Iterator[Finding]:
        name, quantizer = node.input[0], self._quantizers.of(node)
        maker = self._graph.producer(name)
        if maker is not None:
            if not is_quantize(self._nodes[maker]):
                reason = f"{self._nodes[maker].op_type} computes its integers"
                yield Finding.of(name, quantizer, reason, is_curable=False)
        elif not self._is_constant(name):
            yield from judge_activation(name, quantizer)
        elif quantizer.dtype == "int32":
            products = self._products(node.output[0])
            yield from judge_bias(name, quantizer, products)
        else:
            yield from judge_weight(name, quantizer, per_channel=self._per_channel)
        if self._is_constant(name) and (misfit := self._misfit(name, quantizer)):
            yield Finding.of(name, quantizer, misfit, is_curable=False)

    def _misfit(self, name: str, quantizer: Quantizer) -> str:
        """Why the scales of a constant do not fit its shape; empty if they do."""
        if quantizer.scale is None or quantizer.axis is None or quantizer.block:
            return ""
        shape = self._quantizers.initializers[name].dims
        fits = 0 <= quantizer.axis < len(shape) and quantizer.scale.shape == (
            shape[quantizer.axis],
        )
        zeros = quantizer.zero_point.shape in ((), quantizer.scale.shape)
        return "" if fits and zeros else "its scales or zero points do not fit its shape"

    def _is_constant(self, name: str) -> bool:
        return name in self._quantizers.initializers

    def _products(self, bias: str) -> list[Array]:
        """The scales of the products that a bias is added to, one array per reader."""
        found = []
        for index in self._graph.consumers(bias):
            node = self._nodes[index]
            if node.op_type not in ("Conv", "ConvTranspose", "Gemm") or node.input[2:3] != [bias]:
                continue
            factors = [self._scale_into(name) for name in node.input[:2]]
            if factors[0] is not None and factors[1] is not None and factors[0].size == 1:
                found.append(np.asarray(factors[0] * factors[1]))
        return found

    def _scale_into(self, name: str) -> Array | None:
        maker = self._quantizers.dequantizing(name)
        scale = None if maker is None else self._quantizers.of(maker).scale
        return None if scale is None else scale.ravel()
