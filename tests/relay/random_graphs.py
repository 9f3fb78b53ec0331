"""Random quantize/dequantize networks, evaluated node by node as they are written, without passes.

Sums are formed by the chips' registers (`ops.accumulate`); what follows is real numbers, limits
and one rounding where the model quantizes. The evaluation knows no fusion and no layout but NCHW.
"""

from dataclasses import dataclass

import numpy as np
from qdq_product import Network

from tvm_espdl.ops import Tensor
from tvm_espdl.ops.average_pool2d import AveragePool2d
from tvm_espdl.ops.base.accumulate import accumulate
from tvm_espdl.ops.base.window import output_extent, patches

WIDE = {"int8": np.int32, "int16": np.int64}


@dataclass(frozen=True, eq=False)
class Value:
    """A quantized tensor: its name after DequantizeLinear, exponent, and how to compute it."""

    name: str
    shape: tuple
    exponent: int
    compute: object  # from a dictionary of input arrays to integers


class RandomGraph:
    """One network for one chip; everything is drawn from `rng`."""

    def __init__(self, rng, chip):
        self.rng, self.chip, self.net = rng, chip, Network()
        self.dtype = "int8" if rng.random() < 0.8 else "int16"
        self.values, self.inputs = [], {}
        for number in range(int(rng.integers(1, 3))):
            self._input(f"x{number}", (1, int(rng.integers(3, 9)), 8, 6))
        for _ in range(int(rng.integers(4, 9))):
            layers = (*[self.conv] * 4, self.add, self.add, self.extreme, self.pool, self.relu)
            more = (self.concat, self.dense, self.again, self.move)
            self.pick(*layers, *more)()

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def around(self, exponent):
        return exponent + int(self.rng.integers(-2, 3))

    def integers(self, shape, share):
        limit = int(np.iinfo(self.dtype).max * share)
        return self.rng.integers(-limit, limit + 1, shape).astype(self.dtype)

    def value(self, rank=4):
        return self.pick(*(v for v in self.values if len(v.shape) == rank))

    def rounded(self, real, exponent):
        """Quantized real numbers (float64, exact)."""
        scaled = np.ldexp(real, -exponent)
        integers = np.rint(scaled) if self.chip.rounding == "half_even" else np.floor(scaled + 0.5)
        limits = np.iinfo(self.dtype)
        return np.clip(integers, limits.min, limits.max).astype(self.dtype)

    def at(self, value, arrays, exponent):
        """The integers of a value requantized to an exponent."""
        real = np.ldexp(value.compute(arrays).astype(np.float64), value.exponent)
        return self.rounded(real, exponent)

    def keep(self, node, shape, exponent, compute):
        """Quantize a node's result and remember how to compute it, each time once."""
        name = self.net.quantized(node, exponent, self.dtype)
        cache = {}

        def once(arrays):
            if cache.get("of") is not arrays:
                cache.update(of=arrays, result=compute(arrays))
            return cache["result"]

        self.values.append(Value(name, tuple(shape), exponent, once))
        return self.values[-1]

    def _input(self, name, shape):
        exponent = int(self.rng.integers(-6, -2)) - (0 if self.dtype == "int8" else 8)
        self.inputs[name] = (shape, exponent)
        node = self.net.input(name, shape)
        self.keep(node, shape, exponent, lambda a: self.rounded(a[name].astype(float), exponent))

    def activation(self, node, exponent):
        """No, ReLU or clip; in the same quantization as the node, or one of its own before."""
        kind = self.pick("none", "relu", "clip", "wide clip", "quantized relu")
        top = np.float32(np.iinfo(self.dtype).max * 2.0**exponent * float(self.rng.uniform(0.2, 1)))
        if kind == "none":
            return node, lambda real: real
        if kind == "quantized relu":
            node = self.net.quantized(node, exponent, self.dtype)
        if "relu" in kind:
            return self.net.node("Relu", node), lambda real: np.maximum(real, 0)
        wide = np.float32(0), np.float32(1e9)
        low, high = wide if kind == "wide clip" else (-top / np.float32(2), top)
        limits = self.net.constant(low), self.net.constant(high)
        ends = float(low), float(high)
        return self.net.node("Clip", node, *limits), lambda real: np.clip(real, *ends)

    def bias(self, channels, exponent):
        """A bias in one of its spellings: operand of the node, node to add, integers."""
        kind = self.pick("none", "integers", "floats", "node", "node in front")
        b = self.rng.integers(-5000, 5000, channels)
        real = np.ldexp(b.astype(np.float32), exponent)
        if kind == "none":
            return kind, None, np.zeros(channels, np.int64)
        if kind == "integers":
            return kind, self.net.weights(b.astype(np.int32), exponent), b
        return kind, self.net.constant(real), b

    def biased(self, node_kind, operands, bias, **attributes):
        kind, operand, _ = bias
        if kind in ("integers", "floats"):
            return self.net.node(node_kind, *operands, operand, **attributes)
        node = self.net.node(node_kind, *operands, **attributes)
        if kind == "none":
            return node
        if node_kind == "Conv":
            operand = self.net.constant(self.net.constants[operand].reshape(-1, 1, 1))
        pair = (operand, node) if "front" in kind else (node, operand)
        return self.net.node("Add", *pair)

    def conv(self):
        x = self.value()
        depthwise = self.rng.random() < 0.3
        channels = x.shape[1] if depthwise else self.pick(4, 16, 19)
        kernel = tuple(int(n) for n in self.rng.integers(1, 4, 2))
        pads = tuple(int(self.rng.integers(0, n)) for n in (*kernel, *kernel))
        strides = self.pick((1, 1), (1, 1), (2, 1), (2, 2))
        extent = output_extent(x.shape[2:], kernel, pads, strides, (1, 1))
        held = all(x.shape[2 + i] + pads[i] >= kernel[i] for i in (0, 1))
        if min(extent) < 1 or not held:
            return
        w = self.integers((channels, 1 if depthwise else x.shape[1], *kernel), 0.4)
        w_exponent = -6 if self.dtype == "int8" else -14
        products = x.exponent + w_exponent
        bias = self.bias(channels, products)
        exponent = x.exponent + int(self.rng.integers(0, 3))
        source = x.name
        attributes = {"pads": pads}
        if any(pads) and self.rng.random() < 0.4:
            top, left, bottom, right = pads
            widths = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
            source = self.net.node("Pad", source, self.net.constant(widths))
            if self.rng.random() < 0.5:
                source = self.net.quantized(source, x.exponent, self.dtype)
            attributes = {}
        node = self.biased(
            *("Conv", (source, self.net.weights(w, w_exponent)), bias),
            **attributes,
            **{"strides": strides, "group": channels if depthwise else 1},
        )
        node, limited = self.activation(node, exponent)
        sums_of = self._depthwise_sums if depthwise else self._sums

        def compute(arrays):
            image = x.compute(arrays).transpose(0, 2, 3, 1)
            windows = patches(image, kernel, pads, strides, (1, 1))
            sums = sums_of(windows, w, bias[2])
            real = np.ldexp(sums.reshape(1, *extent, channels).astype(np.float64), products)
            return self.rounded(limited(real), exponent).transpose(0, 3, 1, 2)

        self.keep(node, (1, channels, *extent), exponent, compute)

    def _sums(self, windows, w, b):
        positions = windows.reshape(-1, w[0].size)
        weights = w.transpose(0, 2, 3, 1).reshape(len(w), -1)
        bias = b.astype(WIDE[self.dtype])
        return accumulate(self.chip, positions, weights, bias, run=w.shape[1])

    def _depthwise_sums(self, windows, w, b):
        taps = w.shape[2] * w.shape[3]
        positions = np.moveaxis(windows, -1, 2).reshape(-1, len(w), taps)
        bias = b.astype(WIDE[self.dtype])
        weights = w.reshape(len(w), -1)
        return accumulate(self.chip, positions, weights, bias, run=1, lanes_only=True)

    def pair(self):
        """Two values of one shape; the second may be a constant of each channel."""
        a = self.value()
        alike = [v for v in self.values if v.shape == a.shape]
        if self.rng.random() < 0.8:
            b = self.pick(*alike)
            return a, b
        array, exponent = self.integers((1, a.shape[1], 1, 1), 1.0), self.around(a.exponent)
        name = self.net.weights(array, exponent)
        return a, Value(name, array.shape, exponent, lambda arrays: array)

    def add(self):
        a, b = self.pair()
        kind = self.pick("Add", "Sub")
        exponent = self.around(a.exponent)
        node = self.net.node(kind, a.name, b.name)
        relu = self.rng.random() < 0.5
        if relu:
            if self.rng.random() < 0.5:
                node = self.net.quantized(node, exponent, self.dtype)
            node = self.net.node("Relu", node)

        def compute(arrays):
            one, other = (self.at(v, arrays, exponent).astype(np.int64) for v in (a, b))
            total = one + other if kind == "Add" else one - other
            real = np.ldexp(total.astype(np.float64), exponent)
            return self.rounded(np.maximum(real, 0) if relu else real, exponent)

        self.keep(node, a.shape, exponent, compute)

    def extreme(self):
        a, b = self.pair()
        kind, exponent = self.pick("Max", "Min"), self.around(a.exponent)
        choose = np.maximum if kind == "Max" else np.minimum

        def compute(arrays):
            return choose(self.at(a, arrays, exponent), self.at(b, arrays, exponent))

        self.keep(self.net.node(kind, a.name, b.name), a.shape, exponent, compute)

    def pool(self):
        x = self.value()
        kernel, exponent = self.pick((2, 2), (2, 1)), self.around(x.exponent)
        extent = output_extent(x.shape[2:], kernel, (0,) * 4, kernel, (1, 1))
        if min(extent) < 1:
            return
        kind = self.pick("MaxPool", "AveragePool")
        node = self.net.node(kind, x.name, kernel_shape=kernel, strides=kernel)
        shape = (1, x.shape[1], *extent)

        def compute(arrays):
            image = x.compute(arrays).transpose(0, 2, 3, 1)
            if kind == "AveragePool":
                y = Tensor(self.dtype, (1, *extent, x.shape[1]), exponent)
                source = Tensor(self.dtype, image.shape, x.exponent)
                operator = AveragePool2d(source, y, kernel, strides=kernel)
                return operator.reference(self.chip, image).transpose(0, 3, 1, 2)
            windows = patches(image, kernel, (0,) * 4, kernel, (1, 1))
            largest = windows.max(axis=(2, 3))[None].transpose(0, 3, 1, 2)
            return self.rounded(np.ldexp(largest.astype(np.float64), x.exponent), exponent)

        self.keep(node, shape, exponent, compute)

    def relu(self):
        x = self.value()
        exponent = self.around(x.exponent)

        def compute(arrays):
            return np.maximum(self.at(x, arrays, exponent), 0)

        self.keep(self.net.node("Relu", x.name), x.shape, exponent, compute)

    def concat(self):
        a = self.value()
        b = self.pick(*(v for v in self.values if v.shape[2:] == a.shape[2:] and len(v.shape) == 4))
        exponent = self.around(a.exponent)
        node = self.net.node("Concat", a.name, b.name, axis=1)

        def compute(arrays):
            return np.concatenate([self.at(v, arrays, exponent) for v in (a, b)], axis=1)

        shape = (1, a.shape[1] + b.shape[1], *a.shape[2:])
        self.keep(node, shape, exponent, compute)

    def again(self):
        """Quantized once more, at the same or another scale."""
        x = self.value()
        exponent = self.around(x.exponent)
        node = self.net.node("Identity", x.name)
        self.keep(node, x.shape, exponent, lambda arrays: self.at(x, arrays, exponent))

    def move(self):
        """Transposed twice, on the way in integers or not."""
        x = self.value()
        node = self.net.node("Transpose", x.name, perm=(0, 2, 3, 1))
        if self.rng.random() < 0.5:
            node = self.net.quantized(node, x.exponent, self.dtype)
        node = self.net.node("Transpose", node, perm=(0, 3, 2, 1))
        shape = (1, x.shape[1], x.shape[3], x.shape[2])
        self.keep(node, shape, x.exponent, lambda arrays: x.compute(arrays).transpose(0, 1, 3, 2))

    def dense(self):
        """Flattened, times a constant matrix, in one of ONNX's spellings."""
        x = self.value()
        depth, columns = int(np.prod(x.shape)), self.pick(3, 16, 21)
        w = self.integers((depth, columns), 0.2)
        w_exponent = -6 if self.dtype == "int8" else -14
        products = x.exponent + w_exponent
        bias = self.bias(columns, products)
        exponent = x.exponent + 3
        flat = self.net.node("Flatten", x.name)
        if self.rng.random() < 0.5:
            flat = self.net.quantized(flat, x.exponent, self.dtype)
        if bias[0] in ("integers", "floats") or self.rng.random() < 0.3:
            matrix = self.net.weights(np.ascontiguousarray(w.T), w_exponent)
            node = self.biased("Gemm", (flat, matrix), bias, transB=1)
        else:
            node = self.biased("MatMul", (flat, self.net.weights(w, w_exponent)), bias)
        node, limited = self.activation(node, exponent)

        def compute(arrays):
            rows = x.compute(arrays).reshape(1, -1)
            b = bias[2].astype(WIDE[self.dtype])
            sums = accumulate(self.chip, rows, w.T, b, run=depth)
            real = np.ldexp(sums.astype(np.float64), products)
            return self.rounded(limited(real), exponent)

        self.keep(node, (1, columns), exponent, compute)

    def outputs(self):
        """The last value, and sometimes others, which may be read by later nodes too."""
        computed = self.values[len(self.inputs) :] or self.values
        return [v for v in computed[:-1] if self.rng.random() < 0.2] + [computed[-1]]

    def sample(self):
        """Float inputs, some out of range."""
        limit = np.iinfo(self.dtype).max
        return {
            name: (self.rng.normal(0, limit / 3, shape) * 2.0**exponent).astype(np.float32)
            for name, (shape, exponent) in self.inputs.items()
        }
