"""Conversions, moves and softmax."""

import numpy as np

from .forms import IMAGE, Case, Form, case, chain, node, numbers, requantized, shaped


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


def concat(count):
    def build(b, x):
        more = [b.quantized_input(f"x{n}", IMAGE) for n in range(1, count)]
        return b.node("Concat", x, *more, axis=1)

    return case(build)


def shuffle(first, perm, last):
    return chain(shaped(*first), node("Transpose", perm=list(perm)), shaped(*last))


def at_other_exponents(split, perm, wide):
    """A shuffle that is quantized otherwise on its way."""
    return chain(
        shaped(*split),
        requantized(-4),
        node("Transpose", perm=list(perm)),
        requantized(-3),
        shaped(*wide),
    )


D2S = (1, 8, 3, 2), (1, 2, 6, 4)
S2D = (1, 2, 6, 4), (1, 8, 3, 2)
CONVERSION = Case(
    Form(quantized_only, shape=None),
    Form(of_floats, shape=None, rule="activation_has_one_exponent"),
)
NOT_QUANTIZED = node("Sin")  # ESP-DL has none: its result is float

CASES = {
    "quantize": CONVERSION,
    "dequantize": CONVERSION,
    "requantize": case(requantized(-2), per_channel, "activation_has_one_exponent"),
    "softmax": case(
        node("Softmax", axis=-1), chain(NOT_QUANTIZED, node("Softmax", axis=-1)), exponent=None
    ),
    "log_softmax": case(
        node("LogSoftmax", axis=-1),
        chain(NOT_QUANTIZED, node("LogSoftmax", axis=-1)),
        exponent=None,
    ),
    "reshape": case(shaped(4, 30)),
    "transpose": case(node("Transpose", perm=[0, 2, 1, 3])),
    **{f"concat: of {count}": concat(count) for count in range(1, 17)},
    "slice": case(node("Slice", numbers(1), numbers(3), numbers(2))),
    "gather": case(
        node("Gather", numbers(2, 0), axis=1),
        node("Gather", numbers(0, 9), axis=1),
        "indices_are_inside",
    ),
    "pad": case(
        node("Pad", numbers(0, 0, 1, 0, 0, 0, 0, 2), np.float32(0.5)),
        node("Pad", numbers(0, 0, 1, 0, 0, 0, 0, 2), np.float32(0.5 / 16)),
        "padding_is_no_tie",
    ),
    "depth_to_space: DCR": case(
        shuffle((1, 2, 2, 2, 3, 2), (0, 3, 4, 1, 5, 2), D2S[1]),
        shuffle((1, 2, 2, 2, 3, 2), (0, 3, 4, 1, 5, 2), (1, 2, 4, 6)),
        "shapes_are_of_a_shuffle",
        shape=D2S[0],
    ),
    "depth_to_space: CRD": case(
        shuffle((1, 2, 2, 2, 3, 2), (0, 1, 4, 2, 5, 3), D2S[1]),
        at_other_exponents((1, 2, 2, 2, 3, 2), (0, 1, 4, 2, 5, 3), D2S[1]),
        "numbers_stay_inside",
        shape=D2S[0],
    ),
    "space_to_depth: DCR": case(
        shuffle((1, 1, 3, 2, 2, 2), (0, 3, 5, 1, 2, 4), (1, 4, 3, 2)),
        shuffle((1, 1, 3, 2, 2, 2), (0, 3, 5, 1, 2, 4), (1, 4, 2, 3)),
        "shapes_are_of_a_shuffle",
        shape=(1, 1, 6, 4),
    ),
    "space_to_depth: CRD": case(
        shuffle((1, 2, 3, 2, 2, 2), (0, 1, 3, 5, 2, 4), S2D[1]),
        at_other_exponents((1, 2, 3, 2, 2, 2), (0, 1, 3, 5, 2, 4), S2D[1]),
        "numbers_stay_inside",
        shape=S2D[0],
    ),
}
