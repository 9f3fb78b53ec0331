"""What constants place: paddings, zeros between pixels, scatters, reversed sequences."""

import numpy as np
from onnx import TensorProto
from tvm import relax

from .forms import IMAGE, SIGNAL, Case, Form, case, integers, module, node, numbers, shaped


def transposed_conv(rank, biased, pads):
    """With two pixels of padding beyond what the filter spans: no plain convolution has that."""

    def build(b, x):
        w = b.weights(integers(4, 4, *[3] * rank, low=-30, high=31), -7)
        bias = [b.weights(integers(4, low=-900, high=900, dtype=np.int32), -11)]
        given = bias if biased else []
        attributes = {"strides": [2] * rank, "pads": [pads] * 2 * rank}
        return b.node("ConvTranspose", x, w, *given, **attributes)

    return build


def apart(value):
    """Pixels moved apart, with `value` between them."""

    def body(x):
        wide = relax.op.reshape(x, (1, 4, 6, 1, 5, 1))
        padded = relax.op.nn.pad(wide, [0] * 7 + [1, 0, 0, 0, 1], pad_value=value)
        joined = relax.op.reshape(padded, (1, 4, 12, 10))
        return relax.op.strided_slice(joined, [2, 3], [0, 0], [11, 9])

    return body


def scattered(*indices):
    def build(b, x):
        updates = b.quantized_input("updates", (1, len(indices), 6, 5))
        places = b.constant(np.array([[(0, n) for n in indices]], np.int64))
        return b.node("ScatterND", x, places, updates)

    return build


def scattered_at_run_time(b, x):
    rows = shaped(4, 30)(b, x)
    places = b.node("Cast", b.input("places", (1, 1)), to=TensorProto.INT64)
    return b.node("ScatterND", rows, places, b.quantized_input("updates", (1, 30)))


CASES = {
    "pad": case(
        node("Pad", numbers(0, 0, 1, 0, 0, 0, 0, 2), np.float32(0.5)),
        node("Pad", numbers(0, 0, 1, 0, 0, 0, 0, 2), np.float32(0.5 / 16)),
        "padding_is_no_tie",
    ),
    "insert_zeros": Case(
        Form(transposed_conv(2, True, 0)),
        module(apart(1.0), rule="zeros_are_between_pixels", unified=False),
    ),
    **{
        f"insert_zeros: {rank}-D transposed convolution with{'' if biased else 'out'} bias": case(
            transposed_conv(rank, biased, 3),
            transposed_conv(rank, biased, 0),
            only_refuses=True,
            shape={1: SIGNAL, 2: IMAGE}[rank],
        )
        for rank in (1, 2)
        for biased in (False, True)
    },
    "scatter_nd": case(scattered(2, 0), scattered_at_run_time, "indices_are_constant"),
    "reverse_sequence": case(node("ReverseSequence", numbers(3), batch_axis=0, time_axis=1)),
}
FURTHER = {
    "scatter_nd": [Form(scattered(1, 4), rule="scattered_indices_are_inside")],
}
