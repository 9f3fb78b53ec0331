"""Cases of the pattern table for remainders, norms, and what constants place."""

import numpy as np
from onnx import TensorProto
from tvm import relax

from .forms import (
    IMAGE,
    Case,
    Form,
    case,
    module,
    node,
    number,
    numbers,
    shaped,
)


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


CASES = {
    "mod: fmod=0": Case(
        module(lambda x: relax.op.floor_mod(x, relax.const(np.float32(1.5)))),
        module(lambda x: relax.op.mod(x, relax.const(np.float32(1.5)))),
        only_refuses=True,
    ),
    "scatter_nd": case(scattered(2, 0), scattered_at_run_time, "indices_are_constant"),
    "reverse_sequence": case(node("ReverseSequence", numbers(3), batch_axis=0, time_axis=1)),
    "rms_norm": Case(module(rms_norm), module(rms_norm, None)),
    "rms_norm: in steps": case(rms_norm_in_steps(), rms_norm_in_steps(3.0)),
    **{f"lp_norm: p={p}": case(node("LpNormalization", axis=-1, p=p), exponent=-7) for p in (1, 2)},
}
FURTHER = {
    "scatter_nd": [Form(scattered(1, 4), rule="scattered_indices_are_inside")],
    "rms_norm: in steps": [
        Form(rms_norm_in_steps(axis=1), rule="normalized_axes_are_trailing"),
    ],
    "lp_norm: p=2": [module(length_of([2, 3]), -7, "vectors_lie_along_one_axis")],
}
