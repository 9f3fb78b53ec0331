"""Softmaxes and normalizations."""

import numpy as np
from tvm import relax

from .forms import (
    IMAGE,
    Case,
    Form,
    case,
    chain,
    integers,
    module,
    node,
    number,
    numbers,
)


def layer_norm(exponent=-6, quantized=True, axis=None):
    def build(b, x):
        scale = integers(5, low=20, high=90)
        extra = {} if axis is None else {"axis": axis}
        given = (
            b.weights(scale, exponent, **extra) if quantized else b.constant(scale / np.float32(64))
        )
        return b.node("LayerNormalization", x, given, axis=-1)

    return build


def normalized(axis):
    def body(x):
        ones = np.ones(IMAGE[axis], np.float32)
        return relax.op.nn.layer_norm(x, relax.const(ones), relax.const(ones * 0), [axis])

    return body


def rms_norm(x):
    return relax.op.nn.rms_norm(x, relax.const(np.ones(IMAGE[-1], np.float32)), [-1])


def rms_norm_in_steps(power=2.0, axis=-1):
    def build(b, x):
        mean = b.node("ReduceMean", b.node("Pow", x, number(b, power)), b.constant(numbers(axis)))
        root = b.node("Sqrt", b.node("Add", mean, number(b, 1e-5)))
        scale = b.constant(np.linspace(0.5, 1.5, IMAGE[-1]).astype(np.float32))
        return b.node("Mul", b.node("Div", x, root), scale)

    return build


def length_of(axes):
    def body(x):
        length = relax.op.sqrt(relax.op.sum(relax.op.square(x), axes, keepdims=True))
        return relax.op.divide(x, length)

    return body


NOT_QUANTIZED = node("Sin")  # ESP-DL has none: its result is float

CASES = {
    "softmax": case(
        node("Softmax", axis=-1), chain(NOT_QUANTIZED, node("Softmax", axis=-1)), exponent=None
    ),
    "log_softmax": case(
        node("LogSoftmax", axis=-1),
        chain(NOT_QUANTIZED, node("LogSoftmax", axis=-1)),
        exponent=None,
    ),
    "layer_norm": case(layer_norm(), layer_norm(quantized=False), "parameters_are_quantized"),
    "rms_norm": Case(module(rms_norm), module(rms_norm, None)),
    "rms_norm: in steps": case(rms_norm_in_steps(), rms_norm_in_steps(3.0)),
    **{f"lp_norm: p={p}": case(node("LpNormalization", axis=-1, p=p), exponent=-7) for p in (1, 2)},
}
FURTHER = {
    "layer_norm": [
        Form(layer_norm([-6, -7, -6, -7, -6], axis=0), rule="parameters_have_one_exponent"),
        module(normalized(1), rule="axes_are_trailing"),
    ],
    "rms_norm: in steps": [
        Form(rms_norm_in_steps(axis=1), rule="normalized_axes_are_trailing"),
    ],
    "lp_norm: p=2": [module(length_of([2, 3]), -7, "vectors_lie_along_one_axis")],
}
