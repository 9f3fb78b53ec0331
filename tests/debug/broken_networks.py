"""Small networks in which every known mistake shows, and plain formulas of these mistakes.

The formulas are written without the package's own arithmetic: they stand for a board.
"""

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
            of_weights = list(self.rng.integers(-9, -6, channels))
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
def activated(chip="esp32"):
    """A PReLU, which rounds down here and up on the ESP32-S3."""
    net = Layers()
    x = net.entering("image", (1, 16, 4, 4), -6)
    alpha = net.weights(net.rng.integers(-99, 99, (16, 1, 1)).astype(np.int8), -7)
    net.output(net.quantized(net.node("PRelu", x, alpha), -6))
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
def enlarged(chip="esp32p4"):
    """A resize that rounds."""
    net = Layers()
    x = net.entering("image", (1, 16, 3, 3), -6)
    scales = net.constant(np.float32([1, 1, 2, 2]))
    ways = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    y = net.node("Resize", x, "", scales, mode="nearest", **ways)
    net.output(net.quantized(y, -4))
    return compile_file(net.model(), chip)


def digits(chip="esp32s3"):
    return library("digits", chip)


def sample_of(network, seed=SEED):
    """Inputs that saturate now and then; of the wide network, none below zero."""
    rng = np.random.default_rng(seed)
    types = [network.program.values[name] for name in network.program.inputs]
    low = 0.0 if types[0].shape[1] == 32 else -2.1
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


def products(step, inputs):
    """The sums of a layer without its bias, by plain loops over the taps: (positions, channels)."""
    operator, (w, *_) = step.operator, step.constants
    x, w = inputs[0].astype(np.int64), w.astype(np.int64)
    if operator.name == "gemm":
        return x.reshape(-1, x.shape[-1]) @ w
    if x.ndim == 3:
        x, w = x[:, None], w[:, :, None]
    top, left, bottom, right = operator.pads
    x = np.pad(x[0], ((top, bottom), (left, right), (0, 0)))
    (down, along), (rows, columns) = operator.strides, operator.result_size
    sums = np.zeros((rows, columns, len(w)), np.int64)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            window = x[i : i + rows * down : down, j : j + columns * along : along]
            if operator.name.startswith("depthwise"):
                sums += window * w[:, 0, i, j]
            else:
                sums += window @ w[:, :, i, j].T
    return sums.reshape(-1, len(w))


def shifts(step):
    operator = step.operator
    return np.array(operator.shifts if hasattr(operator, "shifts") else [operator.shift])


def bias(step):
    return step.constants[1].astype(np.int64)


def half_up(values, shift):
    return (values + (1 << shift >> 1)) >> shift


def half_even(values, shift):
    return np.rint(values / 2.0**shift).astype(np.int64)


def limited(values, dtype):
    ends = np.iinfo(dtype)
    return np.clip(values, ends.min, ends.max).astype(dtype)


def finished(step, sums, chip, rounding=None, *, relu=None, wraps=False):
    """From sums to results."""
    own = half_even if chip.rounding == "half_even" else half_up
    values = (rounding or own)(sums, shifts(step))
    if step.operator.activation == "relu" if relu is None else relu:
        values = np.maximum(values, 0)
    dtype = step.operator.output.dtype
    return values.astype(dtype) if wraps else limited(values, dtype)
