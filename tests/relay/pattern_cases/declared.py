"""Cases of ordinary operators, made from their forms: one node, or two with a float beside.

Those of functions that a model spells out, and of refusals, are written out.
"""

import numpy as np
from onnx import TensorProto
from tvm import relax

from tvm_espdl.ops.base.broadcast import Broadcast, RealBroadcast
from tvm_espdl.ops.base.comparison import Comparison
from tvm_espdl.ops.base.reduction import Reduction
from tvm_espdl.ops.base.registry import declared

from .forms import IMAGE, Case, Form, case, chain, module, node, number, numbers, pair, with_float

# Limits that no integer stands for: on the right of the operator, on its left; else 0.3.
LIMITS = {
    "equal": (0.03, 0.03),
    "greater": (-100.0, 100.0),
    "greater_equal": (100.0, -100.0),
    "less": (100.0, -100.0),
    "less_equal": (-100.0, 100.0),
    "pow": (1.7, 1.7),
}
# Numbers that integers stand for, where it is not 1.
WHOLE = {"pow": 2.0, "mod": 0.75}


def as_float(b, x):
    return b.node("Cast", x, to=TensorProto.FLOAT)


def with_constant(form, value, left):
    def build(b, x):
        constant = number(b, value)
        return b.node(form.onnx, *((constant, x) if left else (x, constant)), **dict(form.fixed))

    return build


def of_two(kind):
    form = kind.form
    both, beside = pair(form.onnx, **dict(form.fixed)), with_float(form.onnx, **dict(form.fixed))
    if not issubclass(kind, Comparison):
        return case(both, beside)
    return case(chain(both, as_float), chain(beside, as_float), exponent=None)


def of_floats(kind, left):
    """A limit that no integer stands for; the near miss has one."""
    odd, whole = LIMITS.get(kind.name, (0.3, 0.3))[left], WHOLE.get(kind.name, 1.0)
    builds = [with_constant(kind.form, value, left) for value in (odd, whole)]
    if issubclass(kind, Comparison):
        builds = [chain(build, as_float) for build in builds]
        return case(*builds, exponent=None, only_refuses=True)
    return case(*builds, only_refuses=True)


def of_one(kind):
    if kind.name == "swish":  # no node of the opset
        return Case(module(relax.op.nn.silu), module(relax.op.nn.silu, None))
    return case(node(kind.form.onnx, **dict.fromkeys(kind.form.attributes, 0.25)))


def of_kind(kind):
    if issubclass(kind, Broadcast):
        return of_two(kind)
    if issubclass(kind, Reduction):
        axes = (1,) if kind.name == "reduce_prod" else (1, 2)  # of few factors
        far = kind.form.exponents == "own" and "log" not in kind.form.calls
        return case(node(kind.form.onnx, numbers(*axes)), exponent=0 if far else -4)
    return of_one(kind)


def log_sum_exp(own):
    def build(b, x):
        source = x if own else b.quantized_input("other", IMAGE)
        axes = b.constant(numbers(1))
        largest = b.node("ReduceMax", source, axes)
        rest = b.node("Exp", b.node("Sub", x, largest))
        return b.node("Add", b.node("Log", b.node("ReduceSum", rest, axes)), largest)

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


PLAIN = [kind for kind in declared() if kind.form.calls]
SPELLED = "calls_spell_a_function"
DERIVED = {kind.name or f"lut: {kind.function}": of_kind(kind) for kind in PLAIN} | {
    f"{kind.name}: float constant on the {side}": of_floats(kind, left)
    for kind in declared()
    if issubclass(kind, (Comparison, RealBroadcast))
    for side, left in (("right", False), ("left", True))
}
WRITTEN = {
    "reduce_log_sum_exp": case(log_sum_exp(True), log_sum_exp(False), "maximum_is_of_the_input"),
    "mod: fmod=0": Case(
        module(lambda x: relax.op.floor_mod(x, relax.const(np.float32(1.5)))),
        module(lambda x: relax.op.mod(x, relax.const(np.float32(1.5)))),
        only_refuses=True,
    ),
    "hard_sigmoid: of a line": case(line(0.2)),
    "hard_sigmoid: of a clip": case(hard_sigmoid_of_clip(3), hard_sigmoid_of_clip(2), SPELLED),
    "elu: spelled out": case(elu(1), elu(2), SPELLED),
    "swish: spelled out": Case(Form(swish), Form(swish_at_two_exponents, shape=None, rule=SPELLED)),
    "hard_swish: of a line": case(hard_swish_of_line(1 / 6), hard_swish_of_line(0.2), SPELLED),
    "hard_swish: of a clip": case(hard_swish_of_clip(3), hard_swish_of_clip(2), SPELLED),
    "hard_swish: of a product": case(hard_swish_of_product(3), hard_swish_of_product(2), SPELLED),
}
CASES = DERIVED | WRITTEN
FURTHER = {"reduce_mean": [module(lambda x: relax.op.mean(x, [2, 3]), rule="axes_are_kept")]}
