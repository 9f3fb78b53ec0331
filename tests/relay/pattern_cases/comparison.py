"""Cases of the pattern table for comparisons, powers, norms, and what constants place."""

import numpy as np
from onnx import TensorProto
from tvm import relax

from .forms import (
    IMAGE,
    Case,
    Form,
    case,
    chain,
    module,
    node,
    number,
    numbers,
    pair,
    shaped,
    with_float,
)

# ONNX's name, and a limit of int8 at 2^-4 that is true for every integer: on the right, the left.
COMPARISONS = {
    "equal": ("Equal", 0.03, 0.03),
    "greater": ("Greater", -100.0, 100.0),
    "greater_equal": ("GreaterOrEqual", 100.0, -100.0),
    "less": ("Less", 100.0, -100.0),
    "less_equal": ("LessOrEqual", -100.0, 100.0),
}
POWERS = {"pow": ("Pow", 1.7, 2.0, {}), "mod": ("Mod", 0.3, 0.75, {"fmod": 1})}


def as_float(b, x):
    return b.node("Cast", x, to=TensorProto.FLOAT)


def with_constant(kind, value, left, **attributes):
    def build(b, x):
        constant = number(b, value)
        return b.node(kind, *((constant, x) if left else (x, constant)), **attributes)

    return build


def compared(kind):
    return case(chain(pair(kind), as_float), chain(with_float(kind), as_float), exponent=None)


def limit(kind, value, left):
    """A limit that no integer stands for; the near miss has one."""
    return case(
        chain(with_constant(kind, value, left), as_float),
        chain(with_constant(kind, 1.0, left), as_float),
        exponent=None,
        only_refuses=True,
    )


def of_sides(name, make):
    sides = (("right", False), ("left", True))
    return {f"{name}: float constant on the {side}": make(left) for side, left in sides}


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
    **{name: compared(row[0]) for name, row in COMPARISONS.items()},
    **{
        entry: made
        for name, (kind, *limits) in COMPARISONS.items()
        for entry, made in of_sides(
            name, lambda left, kind=kind, limits=limits: limit(kind, limits[left], left)
        ).items()
    },
    "pow": case(pair("Pow"), with_float("Pow")),
    "mod": case(pair("Mod", fmod=1), lambda b, x: b.node("Mod", x, b.input("m", IMAGE), fmod=1)),
    **{
        entry: made
        for name, (kind, odd, even, attributes) in POWERS.items()
        for entry, made in of_sides(
            name,
            lambda left, kind=kind, odd=odd, even=even, attributes=attributes: case(
                with_constant(kind, odd, left, **attributes),
                with_constant(kind, even, left, **attributes),
                only_refuses=True,
            ),
        ).items()
    },
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
