"""Element-wise functions of one and of two inputs, in one node or spelled out."""

import numpy as np

from .forms import IMAGE, Case, Form, case, integers, node, number


def prelu(axis):
    def build(b, x):
        shape = [1, 1, 1]
        shape[axis - 1] = IMAGE[axis]
        return b.node("PRelu", x, b.weights(integers(*shape, low=1, high=99), -7))

    return build


def shifted_clip(b, x, three):
    return b.node("Clip", b.node("Add", x, number(b, three)), number(b, 0), number(b, 6))


def sixth(b, x):
    return b.node("Div", x, number(b, 6))


def line(alpha):
    return node("HardSigmoid", alpha=alpha, beta=0.5)


def hard_sigmoid_of_clip(three):
    return lambda b, x: sixth(b, shifted_clip(b, x, three))


def hard_swish_of_line(alpha):
    return lambda b, x: b.node("Mul", x, line(alpha)(b, x))


def hard_swish_of_clip(three):
    return lambda b, x: b.node("Mul", x, sixth(b, shifted_clip(b, x, three)))


def hard_swish_of_product(three):
    return lambda b, x: sixth(b, b.node("Mul", x, shifted_clip(b, x, three)))


def swish(b, x):
    return b.node("Mul", x, b.node("Sigmoid", x))


def swish_at_two_exponents(b):
    x = b.quantize(b.input("x", IMAGE), -4)
    sigmoid = b.node("Sigmoid", b.dequantize(x, -5))
    b.output(b.qdq(b.node("Mul", b.dequantize(x, -4), sigmoid), -4))


def elu(one):
    def build(b, x):
        below = b.node("Relu", b.node("Sub", number(b, one), b.node("Exp", x)))
        return b.node("Add", b.node("Mul", number(b, -1.5), below), b.node("Relu", x))

    return build


SPELLED = "calls_spell_a_function"

CASES = {
    "clip": case(node("Clip", np.float32(0), np.float32(6))),
    "lut: gelu_tanh": case(node("Gelu", approximate="tanh")),
    "prelu": case(prelu(1), prelu(2), "alpha_runs_along_channels"),
    "hard_sigmoid: of a line": case(line(0.2)),
    "hard_sigmoid: of a clip": case(hard_sigmoid_of_clip(3), hard_sigmoid_of_clip(2), SPELLED),
    "elu: spelled out": case(elu(1), elu(2), SPELLED),
    "swish: spelled out": Case(Form(swish), Form(swish_at_two_exponents, shape=None, rule=SPELLED)),
    "hard_swish: of a line": case(hard_swish_of_line(1 / 6), hard_swish_of_line(0.2), SPELLED),
    "hard_swish: of a clip": case(hard_swish_of_clip(3), hard_swish_of_clip(2), SPELLED),
    "hard_swish: of a product": case(hard_swish_of_product(3), hard_swish_of_product(2), SPELLED),
}
