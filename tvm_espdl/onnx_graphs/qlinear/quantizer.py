"""Reads QuantizeLinear and DequantizeLinear nodes of any origin: scale, zero point, type, axis.

Must never judge what it reads: what a chip can express is decided in `inspection`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from ..graph import STANDARD, Array, Graph, attribute, input_of
from .names import MICROSOFT

QUANTIZE, DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"

_INTEGER_BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32}


@dataclass(frozen=True)
class Quantizer:
    """How integers stand for real numbers: real = (integer - zero_point) * scale."""

    #: Float64 array, () or (C,), or None: none where it is computed at run time.
    scale: Array | None
    #: Int64 array, () or (C,): zeros where the node has none.
    zero_point: Array
    #: ONNX's name of the integer type in lower case, such as "uint8" or "float8e4m3fn".
    dtype: str
    #: The axis of the channels; None for one scale per tensor.
    axis: int | None = None
    #: The block size of blocked quantization, else 0.
    block: int = 0
    #: ONNX's name of the scale's type, as a rule "float".
    scale_dtype: str = "float"

    @property
    def bits(self) -> int:
        """Width of the integers; 0 for types that hold no plain integers of 8 bits or more."""
        return _INTEGER_BITS.get(self.dtype, 0)

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest integer of the type."""
        info = np.iinfo(self.dtype)
        return int(info.min), int(info.max)

    def range(self) -> tuple[float, float]:
        """The smallest and the largest real number that a quantizer per tensor can express."""
        assert self.scale is not None
        scale, zero = float(self.scale.reshape(())), int(self.zero_point.reshape(()))
        lowest, highest = self.limits
        return (lowest - zero) * scale, (highest - zero) * scale

    def same_as(self, other: Quantizer) -> bool:
        """Whether both give the same real number to each integer."""
        if self.scale is None or other.scale is None:
            return False
        return (
            np.array_equal(self.scale.ravel(), other.scale.ravel())
            and np.array_equal(self.zero_point.ravel(), other.zero_point.ravel())
            and (self.dtype, self.axis, self.block) == (other.dtype, other.axis, other.block)
        )

    def quantize(self, values: Array) -> Array:
        """Integers of `values` as ONNX defines them: ties to even, saturated."""
        assert self.scale is not None
        scaled = values.astype(np.float32) / self._along(self.scale, values).astype(np.float32)
        integers = np.rint(scaled).astype(np.float64) + self._along(self.zero_point, values)
        return np.clip(integers, *self.limits).astype(self.dtype)

    def dequantize(self, integers: Array) -> Array:
        """Real numbers of `integers` as ONNX defines them, in float32."""
        assert self.scale is not None
        offset = integers.astype(np.int64) - self._along(self.zero_point, integers)
        scale = self._along(self.scale, integers).astype(np.float32)
        return np.asarray(offset.astype(np.float32) * scale)

    def _along(self, parameter: Array, values: Array) -> Array:
        if self.axis is None or parameter.size == 1:
            return parameter.reshape(())
        shape = [1] * values.ndim
        shape[self.axis] = -1
        return parameter.reshape(shape)


def is_quantize(node: NodeProto) -> bool:
    """Whether `node` is QuantizeLinear, of ONNX or of onnxruntime."""
    return node.op_type == QUANTIZE and node.domain in (*STANDARD, MICROSOFT)


def is_dequantize(node: NodeProto) -> bool:
    """Whether `node` is DequantizeLinear, of ONNX or of onnxruntime."""
    return node.op_type == DEQUANTIZE and node.domain in (*STANDARD, MICROSOFT)


class Quantizers:
    """The quantizers of one model whose constants are initializers."""

    def __init__(self, model: ModelProto) -> None:
        self.graph = Graph(model)
        self.initializers = {tensor.name: tensor for tensor in model.graph.initializer}

    def of(self, node: NodeProto) -> Quantizer:
        """The quantizer of a QuantizeLinear or DequantizeLinear node."""
        zero_name = input_of(node, 2)
        scale, zero = self._value(node.input[1]), self._value(zero_name)
        computed = scale is None or (zero_name and zero is None)
        axis = None
        if scale is not None and scale.ndim and (scale.size > 1 or scale.ndim > 1):
            axis = int(attribute(node, "axis", 1))
        return Quantizer(
            None if computed or scale is None else scale.astype(np.float64),
            np.zeros((), np.int64) if zero is None else zero.astype(np.int64),
            self._dtype(node, zero_name),
            self._positive(axis, node),
            int(attribute(node, "block_size", 0)),
            self.type_of(node.input[1]) if scale is not None else "float",
        )

    def dequantizing(self, name: str) -> NodeProto | None:
        """The DequantizeLinear that makes a tensor; None where another node, or none, does."""
        maker = self.graph.producer(name)
        node = None if maker is None else self.graph.nodes[maker]
        return node if node is not None and is_dequantize(node) else None

    def constant(self, name: str) -> Array:
        """The value of an initializer."""
        return np.asarray(numpy_helper.to_array(self.initializers[name]))

    def type_of(self, name: str) -> str:
        """ONNX's name of a tensor's type in lower case; "undefined" where it is not known."""
        return _type_name(self.graph.type_of(name))

    def _positive(self, axis: int | None, node: NodeProto) -> int | None:
        if axis is None or axis >= 0:
            return axis
        shape = self.graph.shape(node.input[0]) or self.graph.shape(node.output[0])
        return axis if shape is None else axis + len(shape)

    def _value(self, name: str) -> Array | None:
        return self.constant(name) if name in self.initializers else None

    def _dtype(self, node: NodeProto, zero_name: str) -> str:
        if zero_name:
            return self.type_of(zero_name)
        if is_quantize(node):
            return _type_name(int(attribute(node, "output_dtype", 0)) or TensorProto.UINT8)
        maker = self.graph.maker(node.input[0])
        if maker is not None and is_quantize(maker):
            return self.of(maker).dtype
        return self.type_of(node.input[0])


def _type_name(number: int) -> str:
    return str(TensorProto.DataType.Name(number)).lower()
