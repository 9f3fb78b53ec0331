"""One quantized network as different tools write it: the graphs differ, the arithmetic does not.

Each dialect turns the same layers into ONNX nodes as a tool's files have them; nothing is compiled
here. A tensor is its name and its exponent.
"""

from typing import NamedTuple

import numpy as np
from qdq_builder import QdqBuilder


class Value(NamedTuple):
    """A float tensor behind a dequantize node."""

    name: str
    exponent: int


class Own:
    """As our quantizer writes it: one dequantize node for each tensor, integer biases."""

    opset = 21

    def __init__(self):
        self.net = QdqBuilder()

    def node(self, kind, *inputs, **attributes):
        return self.net.node(kind, *inputs, **attributes)

    def quantized(self, tensor, exponent):
        return Value(self.net.qdq(tensor, exponent), exponent)

    def input(self, name, shape, exponent):
        return self.quantized(self.net.input(name, shape), exponent)

    def edge(self, value):
        """What one reader of a tensor reads."""
        return value.name

    def weights(self, array, exponents):
        extra = {"axis": 0} if np.ndim(exponents) else {}
        return self.net.weights(array, exponents, **extra)

    def bias(self, integers, exponents):
        extra = {"axis": 0} if np.ndim(exponents) else {}
        return self.net.weights(integers.astype(np.int32), exponents, **extra)

    def limited(self, tensor, limit, exponent):
        """`limit` is None, `relu`, or an upper end; then the quantization."""
        if limit == "relu":
            tensor = self.node("Relu", tensor)
        elif limit is not None:
            ends = (self.net.constant(np.float32(end)) for end in (0, limit))
            tensor = self.node("Clip", tensor, *ends)
        return self.quantized(tensor, exponent)

    def conv(self, x, weights, b, exponent, limit=None, **attributes):
        """`weights` are the integers and their exponents."""
        w, exponents = weights
        products = np.asarray(exponents) + x.exponent
        given = self.weights(w, exponents), self.bias(b, products)
        return self.limited(self.node("Conv", self.edge(x), *given, **attributes), limit, exponent)

    def dense(self, x, w, exponents, b, exponent):
        """`w` has a row for each output; `x` has two dimensions."""
        given = self.weights(w, exponents), self.bias(b, np.asarray(exponents) + x.exponent)
        return self.quantized(self.node("Gemm", self.edge(x), *given, transB=1), exponent)

    def rows(self, x, w, w_exponent, b, exponent):
        """`dense` on the last of three dimensions."""
        given = self.weights(np.ascontiguousarray(w.T), w_exponent)
        product = self.node("MatMul", self.edge(x), given)
        sum_ = self.node("Add", product, self.bias(b, w_exponent + x.exponent))
        return self.quantized(sum_, exponent)

    def max_pool(self, x):
        return self.quantized(self.node("MaxPool", self.edge(x), kernel_shape=[2, 2]), x.exponent)

    def add(self, a, b, exponent, limit=None):
        return self.limited(self.node("Add", self.edge(a), self.edge(b)), limit, exponent)

    def mean(self, x, exponent):
        """Over rows and columns, which stay."""
        axes = self.net.constant(np.array([2, 3]))
        return self.quantized(self.node("ReduceMean", self.edge(x), axes, keepdims=1), exponent)

    def swish(self, x, exponent):
        x_ = self.edge(x)
        return self.quantized(self.node("Mul", x_, self.node("Sigmoid", x_)), exponent)

    def flat(self, x):
        return self.quantized(self.node("Flatten", self.edge(x)), x.exponent)

    def output(self, value):
        self.net.output(self.edge(value))

    def model(self):
        return self.net.model(self.opset)


class Pytorch(Own):
    """As torch.onnx writes what PT2E has converted.

    Biases stay floats; scalars have an axis; scales and the zero point are shared constants;
    weights of a Linear are transposed by a node of their own in front of a MatMul.
    """

    opset = 20

    def __init__(self):
        super().__init__()
        self.zero = self.net.constant(np.zeros((), np.int8))
        self.scales = {}

    def _scale(self, exponent):
        if exponent not in self.scales:
            self.scales[exponent] = self.net.constant(np.float32(2.0**exponent))
        return self.scales[exponent]

    def quantized(self, tensor, exponent):
        scale = self._scale(exponent)
        integers = self.node("QuantizeLinear", tensor, scale, self.zero, axis=1)
        real = self.node("DequantizeLinear", integers, scale, self.zero, axis=1)
        return Value(real, exponent)

    def bias(self, integers, exponents):
        return self.net.constant(np.ldexp(integers.astype(np.float32), exponents))

    def rows(self, x, w, w_exponent, b, exponent):
        given = self.node("Transpose", self.weights(w, w_exponent), perm=[1, 0])
        product = self.node("MatMul", self.edge(x), given)
        sum_ = self.node("Add", product, self.bias(b, w_exponent + x.exponent))
        return self.quantized(sum_, exponent)

    def flat(self, x):
        shape = self.net.constant(np.array([1, -1]))
        return self.quantized(self.node("Reshape", self.edge(x), shape, allowzero=1), x.exponent)


class EspPpq(Own):
    """As ESP-PPQ exports to ONNX: both nodes on every edge, also between what will be fused."""

    opset = 13

    def quantized(self, tensor, exponent):
        return Value(self.net.quantize(tensor, exponent), exponent)

    def edge(self, value):
        return self.net.dequantize(value.name, value.exponent)

    def limited(self, tensor, limit, exponent):
        if limit is None:
            return self.quantized(tensor, exponent)
        return super().limited(self.edge(self.quantized(tensor, exponent)), limit, exponent)

    def max_pool(self, x):
        again = Value(self.net.quantize(self.edge(x), x.exponent), x.exponent)
        return super().max_pool(again)

    def mean(self, x, exponent):
        kept = self.node("ReduceMean", self.edge(x), axes=[2, 3], keepdims=1)
        return self.quantized(kept, exponent)


class FakeQuantized(Own):
    """Weights as floats behind both nodes, as tools that train with quantization leave them."""

    def weights(self, array, exponents):
        real = np.ldexp(
            array.astype(np.float32),
            np.reshape(exponents, (-1, *[1] * (array.ndim - 1)))
            if np.ndim(exponents)
            else exponents,
        )
        extra = {"axis": 0} if np.ndim(exponents) else {}
        scale = self.net.constant(np.exp2(np.asarray(exponents, np.float32)))
        zero = self.net.constant(np.zeros(np.shape(exponents), np.int8))
        integers = self.node("QuantizeLinear", self.net.constant(real), scale, zero, **extra)
        return self.node("DequantizeLinear", integers, scale, zero, **extra)


class OnnxRuntime(Own):
    """As onnxruntime's quantizer writes it: an older opset, axes among the attributes."""

    opset = 13

    def mean(self, x, exponent):
        kept = self.node("ReduceMean", self.edge(x), axes=[2, 3], keepdims=1)
        return self.quantized(kept, exponent)


DIALECTS = {kind.__name__: kind for kind in (Pytorch, EspPpq, FakeQuantized, OnnxRuntime)}
