"""Convolutions and products with a constant matrix."""

import numpy as np

from .forms import ROW, SIGNAL, Form, case, integers


def conv(rank, biased, groups=1, axis=None):
    def build(b, x):
        shape = (4, 4 // groups, *[3] * rank)
        exponent = -7 if axis is None else np.array([-7, -6, -7, -8])[: shape[axis]]
        extra = {} if axis is None else {"axis": axis}
        w = b.weights(integers(*shape), exponent, **extra)
        bias = [b.weights(integers(4, low=-900, high=900, dtype=np.int32), -11)]
        return b.node("Conv", x, w, *(bias if biased else []), group=groups)

    return build


def gemm(biased, transposed, axis=None):
    def build(b, x):
        exponent = -7 if axis is None else np.arange(8) % 2 - 7
        extra = {} if axis is None else {"axis": axis}
        w = b.weights(integers(8, 8), exponent, **extra)
        bias = [b.weights(integers(8, low=-900, high=900, dtype=np.int32), -11)]
        return b.node("Gemm", x, w, *(bias if biased else []), transB=int(transposed))

    return build


def gemm_case(biased, transposed):
    """The near miss has exponents along the depth."""
    return case(
        gemm(biased, transposed),
        gemm(biased, transposed, axis=1 if transposed else 0),
        "exponents_are_per_output_channel",
        shape=ROW,
        chip="esp32p4",
    )


CASES = {
    "gemm: without bias": gemm_case(False, False),
    "gemm: without bias, transposed": gemm_case(False, True),
    "gemm: with bias": gemm_case(True, False),
    "gemm: with bias, transposed": gemm_case(True, True),
    "conv1d: without bias": case(
        conv(1, False), conv(1, False, 2, axis=1), "groups_are_one_or_depthwise", shape=SIGNAL
    ),
    "conv1d: with bias": case(
        conv(1, True), conv(1, True, 2, axis=1), "groups_are_one_or_depthwise", shape=SIGNAL
    ),
    "conv2d: without bias": case(
        conv(2, False),
        conv(2, False, 1, axis=1),
        "exponents_are_per_output_channel",
        chip="esp32p4",
    ),
    "conv2d: with bias": case(
        conv(2, True), conv(2, True, 2, axis=1), "groups_are_one_or_depthwise"
    ),
}

FURTHER = {
    "conv2d: with bias": [
        Form(conv(2, True, axis=1), rule="exponents_are_per_output_channel", chip="esp32p4")
    ]
}
