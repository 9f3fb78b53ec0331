"""Conversions between numbers, and their limits."""

import numpy as np

from .forms import IMAGE, Case, Form, case, node, requantized


def per_channel(b, x, exponents=(-4, -4, -4, -5)):
    """An activation with an exponent for each channel, which no kernel has."""
    scale = b.constant(np.exp2(np.array(exponents, np.float32)))
    zero = b.constant(np.zeros(len(exponents), np.int8))
    integers_ = b.node("QuantizeLinear", x, scale, zero, axis=1)
    return b.node("DequantizeLinear", integers_, scale, zero, axis=1)


def of_floats(b):
    b.output(per_channel(b, b.input("x", IMAGE)))


def quantized_only(b):
    b.output(b.quantized_input("x", IMAGE))


CONVERSION = Case(
    Form(quantized_only, shape=None),
    Form(of_floats, shape=None, rule="activation_has_one_exponent"),
)

CASES = {
    "quantize": CONVERSION,
    "dequantize": CONVERSION,
    "requantize": case(requantized(-2), per_channel, "activation_has_one_exponent"),
    "clip": case(node("Clip", np.float32(0), np.float32(6))),
}
