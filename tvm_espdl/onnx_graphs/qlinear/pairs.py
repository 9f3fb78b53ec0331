"""Writes DequantizeLinear and QuantizeLinear around operators, each tensor's once.

Must never choose a scale: it is given the names of scales and zero points.
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto, helper

from ..graph import Array
from .names import Names
from .quantizer import DEQUANTIZE, QUANTIZE, Quantizers
from .refusals import several_scales


class PairWriter:
    """The nodes of a model in the making."""

    def __init__(self, model: ModelProto) -> None:
        #: What is written so far.
        self.nodes: list[NodeProto] = []
        self.names = Names(model)
        #: The model's constants and quantizers, as they were.
        self.quantizers = Quantizers(model)
        #: Of each integer tensor with one scale: the names of its scale and zero point, which is
        #: empty where there is none.
        self.scales: dict[str, tuple[str, str]] = {}
        #: Dequantized tensors and constants that were written already.
        self.reals: dict[tuple[str, ...], str] = {}

    def dequantize(self, name: str, scale: str, zero: str, axis: int | None) -> str:
        """The real numbers of the integers `name`; the node is written where there is none yet."""
        key = (name, scale, zero, str(axis))
        if key not in self.reals:
            self.reals[key] = self.names.fresh(f"{float_name(name)}_dequantized")
            attributes = {} if axis is None else {"axis": axis}
            inputs = [name, scale, zero] if zero else [name, scale]
            self.add(DEQUANTIZE, inputs, self.reals[key], "", **attributes)
        return self.reals[key]

    def quantize(self, real: str, name: str, scale: str, zero: str) -> None:
        """Write the node that makes the integers `name` of `real`, and remember their scale."""
        scale, zero = self.scalar(scale), self.scalar(zero) if zero else zero
        self.scales[name] = scale, zero
        self.add(QUANTIZE, [real, scale, zero] if zero else [real, scale], name, "")

    def add(
        self, operator: str, inputs: list[str], output: str, name: str, **attributes: object
    ) -> None:
        """Write a node; without a name it gets one."""
        name = name or self.names.fresh(f"{output}_{operator}")
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))

    def constant(self, name: str) -> Array | None:
        """The value of a tensor, if it is a constant."""
        known = name in self.quantizers.initializers
        return self.quantizers.constant(name) if known else None

    def scalar(self, name: str) -> str:
        """The name of a scalar of the same value as a constant of one element."""
        key = ("scalar", name)
        value = self.constant(name)
        if value is None:
            return name
        if value.size != 1:
            raise several_scales(name, value.size)
        if key not in self.reals:
            self.reals[key] = (
                self.names.constant(f"{name}_scalar", value.reshape(())) if value.ndim else name
            )
        return self.reals[key]


def float_name(name: str) -> str:
    """What the real numbers are called that the integers `name` stand for."""
    return name.removesuffix("_quantized") if name != "_quantized" else name
