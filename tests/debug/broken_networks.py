"""Small networks in which known mistakes show, and what a board with a mistake dumps."""

from functools import cache

import numpy as np
from networks import library
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file

SEED = 20261130


class Layers(QdqBuilder):
    """Layers with random weights; every one keeps the exponent of its result."""

    def __init__(self, dtype=np.int8, *, signed=True):
        super().__init__(dtype)
        self.signed = signed
        self.rng = np.random.default_rng(SEED)
        self.exponents = {}

    def entering(self, name, shape, exponent):
        return self._kept(self.quantized_input(name, shape, exponent), exponent)

    def weighted(self, operator, x, shape, exponent, *, relu=False, channels=0, **attributes):
        """Weights of 7 bits; where there are `channels`, they have an exponent each."""
        of_weights = -7 if self.dtype == np.int8 else -15
        if channels:
            of_weights = list(of_weights + self.rng.integers(-2, 1, channels))
        low, high = (-127, 127) if self.dtype == np.int8 else (-20000, 20000)
        w = self.rng.integers(low if self.signed else -20, high + 1, shape).astype(self.dtype)
        axis = {} if np.ndim(of_weights) == 0 else {"axis": 0}
        w = self.weights(w, of_weights, **axis)
        wide = np.int32  # what ONNX has, of int16 data as well
        of_bias = self.exponents[x] + np.asarray(of_weights)
        outputs = shape[1] if operator == "Gemm" else shape[0]
        most = 1 << (14 if self.dtype == np.int8 else 27)
        b = self.weights(self.rng.integers(-most, most, outputs, dtype=wide), of_bias, **axis)
        y = self.node(operator, x, w, b, **attributes)
        return self.quantized(self.node("Relu", y) if relu else y, exponent)

    def quantized(self, tensor, exponent):
        return self._kept(self.qdq(tensor, exponent), exponent)

    def _kept(self, tensor, exponent):
        self.exponents[tensor] = exponent
        return tensor


@cache
def residual(chip="esp32s3", *, per_channel=False):
    """Colours, 20 channels (four behind a whole vector), depthwise, a residual, a gemm of 10."""
    net = Layers()
    count = 20 if per_channel else 0
    around = {"pads": [1, 1, 1, 1]}
    x = net.entering("image", (1, 3, 8, 8), -6)
    a = net.weighted("Conv", x, (20, 3, 3, 3), -4, relu=True, channels=count, **around)
    b = net.weighted("Conv", a, (20, 1, 3, 3), -3, relu=True, channels=count, group=20, **around)
    c = net.weighted("Conv", b, (20, 20, 1, 1), -1, channels=count)
    aligned = net.quantized(a, -1)
    d = net.quantized(net.node("Relu", net.node("Add", aligned, c)), -1)
    pooled = net.quantized(net.node("MaxPool", d, kernel_shape=[2, 2], strides=[2, 2]), -1)
    means = net.quantized(net.node("AveragePool", pooled, kernel_shape=[2, 2], strides=[2, 2]), -2)
    flat = net.node("Reshape", means, net.constant(np.array([1, -1], np.int64)))
    flat = net.quantized(flat, -2)
    net.output(net.weighted("Gemm", flat, (80, 10), 2))
    return compile_file(net.model(), chip)


@cache
def signals(chip="esp32s3"):
    """Int16, two inputs and two outputs: signals, a product, a sum of other exponents."""
    net = Layers(np.int16)
    u = net.entering("u", (1, 3, 16), -12)
    v = net.entering("v", (1, 12, 16), -10)
    a = net.weighted("Conv", u, (12, 3, 3), -14, relu=True, pads=[1, 1])
    m = net.quantized(net.node("Mul", a, v), -14)
    s = net.quantized(net.node("Add", m, net.quantized(a, -14)), -14)
    net.output(s)
    flat = net.quantized(net.node("Reshape", s, net.constant(np.array([1, -1], np.int64))), -14)
    net.output(net.weighted("Gemm", flat, (192, 5), -11))
    return compile_file(net.model(), chip)


@cache
def wide(chip="esp32s3"):
    """Sums that leave 20 bits on their way."""
    net = Layers(signed=False)
    x = net.entering("image", (1, 32, 6, 6), -6)
    y = net.weighted("Conv", x, (16, 32, 3, 3), 1, pads=[1, 1, 1, 1])
    net.output(y)
    return compile_file(net.model(), chip)


@cache
def wide_matrix(chip="esp32s3"):
    """The same of a matrix product, for several rows."""
    net = Layers(signed=False)
    x = net.entering("rows", (5, 160), -6)
    net.output(net.weighted("Gemm", x, (160, 32), 1))
    return compile_file(net.model(), chip)


@cache
def wide_signal(chip="esp32s3"):
    """The same of a signal; what follows inherits it."""
    net = Layers(signed=False)
    x = net.entering("signal", (1, 48, 11), -6)
    y = net.weighted("Conv", x, (16, 48, 3), 1, relu=True, strides=[2])
    net.output(net.quantized(net.node("Add", y, y), 2))
    return compile_file(net.model(), chip)


@cache
def colours(chip="esp32s3", *, per_channel=False):
    """An image of odd sizes, 24 channels (eight behind a whole vector), a stride."""
    net = Layers()
    x = net.entering("pixels", (1, 3, 9, 7), -6)
    count, around = (24 if per_channel else 0), {"pads": [1, 1, 1, 1], "strides": [2, 2]}
    a = net.weighted("Conv", x, (24, 3, 3, 3), -4, relu=True, channels=count, **around)
    count = 6 if per_channel else 0
    net.output(net.weighted("Conv", a, (6, 24, 1, 1), -2, channels=count))
    return compile_file(net.model(), chip)


@cache
def camera(chip="esp32s3", *, per_channel=False):
    """An image of int16, 12 channels (four behind a whole vector), depthwise."""
    net = Layers(np.int16)
    count, around = (12 if per_channel else 0), {"pads": [1, 1, 1, 1]}
    x = net.entering("picture", (1, 3, 5, 6), -13)
    a = net.weighted("Conv", x, (12, 3, 3, 3), -12, relu=True, channels=count, **around)
    b = net.weighted("Conv", a, (12, 1, 3, 3), -12, channels=count, group=12, **around)
    net.output(b)
    return compile_file(net.model(), chip)


@cache
def activated(chip="esp32"):
    """A PReLU, which rounds down here and up on the ESP32-S3."""
    net = Layers()
    x = net.entering("image", (1, 16, 4, 4), -6)
    alpha = net.weights(net.rng.integers(-99, 99, (16, 1, 1)).astype(np.int8), -7)
    net.output(net.quantized(net.node("PRelu", x, alpha), -6))
    return compile_file(net.model(), chip)


@cache
def activated_wide(chip="esp32"):
    """A PReLU of int16, whose products saturate here and lose upper bits on the ESP32-S3."""
    net = Layers(np.int16)
    x = net.entering("image", (1, 12, 3, 5), -12)
    alpha = net.weights(net.rng.integers(-32767, 32767, (12, 1, 1)).astype(np.int16), -12)
    net.output(net.quantized(net.node("PRelu", x, alpha), -12))
    return compile_file(net.model(), chip)


@cache
def odd(chip="esp32s3"):
    """Tensors of 56 values: eight behind three vectors of 16."""
    net = Layers()
    x = net.entering("image", (1, 7, 8), -6)
    y = net.quantized(net.node("Relu", x), -5)
    net.output(net.quantized(y, -4))
    return compile_file(net.model(), chip)


@cache
def widened(chip="esp32s3"):
    """From int8 to int16: 58 values, ten behind three vectors of 16."""
    net = Layers()
    y = net.quantized(net.node("Relu", net.entering("image", (1, 2, 29), -6)), -6)
    net.dtype = np.dtype(np.int16)
    net.output(net.quantized(y, -12))
    return compile_file(net.model(opset=21), chip)


@cache
def pairs(chip="esp32s3"):
    """Two inputs of int16 with 44 values: four behind five vectors of 8."""
    net = Layers(np.int16)
    a, b = (net.entering(name, (1, 4, 11), -13) for name in ("left", "right"))
    net.output(net.quantized(net.node("Add", a, b), -13))
    net.output(net.quantized(net.node("Mul", a, b), -12))
    return compile_file(net.model(), chip)


@cache
def enlarged(chip="esp32p4", exponent=-4):
    """A resize that rounds, or of smaller exponents, loses bits on the ESP32."""
    net = Layers()
    x = net.entering("image", (1, 16, 3, 3), -6)
    scales = net.constant(np.float32([1, 1, 2, 2]))
    ways = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    y = net.node("Resize", x, "", scales, mode="nearest", **ways)
    net.output(net.quantized(y, exponent))
    return compile_file(net.model(), chip)


def digits(chip="esp32s3"):
    return library("digits", chip)


def sample_of(network, seed=SEED):
    """Inputs that saturate now and then; of wide sums, none below zero."""
    rng = np.random.default_rng(seed)
    types = [network.program.values[name] for name in network.program.inputs]
    low = 0.0 if types[0].shape[1] >= 32 else -2.1
    return [rng.uniform(low, 2.1, t.shape).astype(np.float32) for t in types]


def step_of(network, kind, place=0):
    """The layer of an operator, counted among those of its kind."""
    return [step for step in network.program.steps if step.operator.name == kind][place]


def board_of(network, sample, tensor, fault):
    """What a board dumps whose tensor is what `fault` makes of the layer; all else is right.

    `fault` takes the layer, its inputs as the board has them, and its right result.
    """
    program = network.program
    values = dict(zip(program.inputs, network.feed(sample), strict=True))
    makers = {name: step for step in program.steps for name in step.outputs}

    def watch(name, array):
        if name == tensor:
            step = makers[name]
            array = fault(step, [values[n] for n in step.inputs], array)
            array = np.ascontiguousarray(array.reshape(program.values[name].shape))
        values[name] = array
        return array

    network.executor.run([values[name] for name in program.inputs], (), watch)
    return values
