"""What the tests of forms share: inputs, filters, and what a compiled network calls."""

import numpy as np
from qdq_product import integers, on_tvm, operators_of

CHIPS = ("esp32", "esp32s3", "esp32p4")
RNG = np.random.default_rng(32)
IMAGE = (1, 6, 7, 5)
CONV = ["quantize", "conv2d", "dequantize"]
GEMM = ["quantize", "gemm", "dequantize"]


def image(exponent=-4):
    spread = 127 * 2.0 ** (exponent - 1)
    return (RNG.normal(size=IMAGE) * spread).astype(np.float32)


def filters(net, channels=8, exponent=-6, dtype="int8", kernel=3):
    w = integers(RNG, dtype, (channels, IMAGE[1], kernel, kernel), 0.3)
    return net.weights(w, exponent), w


def record(lib, name):
    return next(s.operator for s in lib.program.steps if s.operator.name == name)


def constants(lib, name):
    return next(s.constants for s in lib.program.steps if s.operator.name == name)


def calls(lib, wanted):
    kept = [o for o in operators_of(lib) if o not in ("transpose", "reshape")]
    assert kept == wanted, str(lib.report())
    assert not on_tvm(lib), str(lib.report())


def rows(shape=(1, 12)):
    return (RNG.normal(size=shape) * 4).astype(np.float32)
