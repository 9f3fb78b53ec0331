"""Reductions, resizes, pools and layer normalization."""

import numpy as np
from tvm import relax

from .forms import IMAGE, SIGNAL, Form, case, integers, module, node, numbers


def layer_norm(exponent=-6, quantized=True, axis=None):
    def build(b, x):
        scale = integers(5, low=20, high=90)
        extra = {} if axis is None else {"axis": axis}
        given = (
            b.weights(scale, exponent, **extra) if quantized else b.constant(scale / np.float32(64))
        )
        return b.node("LayerNormalization", x, given, axis=-1)

    return build


def log_sum_exp(own):
    def build(b, x):
        source = x if own else b.quantized_input("other", IMAGE)
        axes = b.constant(numbers(1))
        largest = b.node("ReduceMax", source, axes)
        rest = b.node("Exp", b.node("Sub", x, largest))
        return b.node("Add", b.node("Log", b.node("ReduceSum", rest, axes)), largest)

    return build


def reduced(kind):
    return case(node(kind, numbers(1, 2)), exponent=0)


def resized(*sizes, **attributes):
    return node("Resize", None, None, numbers(*sizes), **attributes)


def normalized(axis):
    def body(x):
        ones = np.ones(IMAGE[axis], np.float32)
        return relax.op.nn.layer_norm(x, relax.const(ones), relax.const(ones * 0), [axis])

    return body


def signal_as_rows(mode):
    """A signal that is resized as an image of one row and does not come back as a signal."""

    def build(b, x):
        channels = 16 if mode == "nearest" else 4
        image = b.node("Reshape", x, b.constant(numbers(1, channels, 1, 7)))
        sizes = b.constant(numbers(1, channels, 1, 14))
        wider = b.node("Resize", image, "", "", sizes, mode=mode)
        return b.node("Reshape", wider, b.constant(numbers(channels, 14)))

    return build


def pool(kind, rank, dilation=None):
    attributes = {"kernel_shape": [2] * rank}
    if dilation:
        attributes["dilations"] = [dilation] * rank
    return node(kind, **attributes)


def pool_case(kind, rank):
    shape = {1: SIGNAL, 2: IMAGE}[rank]
    return case(pool(kind, rank), pool(kind, rank, 2), "window_is_not_dilated", shape=shape)


NEAREST = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}
LINEAR = {"mode": "linear"}

CASES = {
    "reduce_log_sum_exp": case(log_sum_exp(True), log_sum_exp(False), "maximum_is_of_the_input"),
    "resize_nearest: of images": case(resized(1, 16, 12, 10, **NEAREST), shape=(1, 16, 6, 5)),
    "resize_linear: of images": case(resized(1, 4, 12, 10, **LINEAR)),
    "resize_nearest: of signals": case(
        resized(1, 16, 14, **NEAREST), signal_as_rows("nearest"), "is_one_image", shape=(1, 16, 7)
    ),
    "resize_linear: of signals": case(
        resized(1, 4, 14, **LINEAR), signal_as_rows("linear"), "is_one_image", shape=SIGNAL
    ),
    "average_pool2d: of images": pool_case("AveragePool", 2),
    "average_pool2d: of signals": pool_case("AveragePool", 1),
    "max_pool2d: of images": pool_case("MaxPool", 2),
    "max_pool2d: of signals": pool_case("MaxPool", 1),
    "layer_norm": case(layer_norm(), layer_norm(quantized=False), "parameters_are_quantized"),
}

FURTHER = {
    "layer_norm": [
        Form(layer_norm([-6, -7, -6, -7, -6], axis=0), rule="parameters_have_one_exponent"),
        module(normalized(1), rule="axes_are_trailing"),
    ],
}
