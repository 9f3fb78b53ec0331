"""Cases of ordinary operators, made from their forms: one node, or two with a float beside."""

from onnx import TensorProto
from tvm import relax

from tvm_espdl.ops.base.broadcast import Broadcast, RealBroadcast
from tvm_espdl.ops.base.comparison import Comparison
from tvm_espdl.ops.base.reduction import Reduction
from tvm_espdl.ops.base.registry import declared

from .forms import Case, case, chain, module, node, number, numbers, pair, with_float

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


PLAIN = [kind for kind in declared() if kind.form.calls]
CASES = {kind.name or f"lut: {kind.function}": of_kind(kind) for kind in PLAIN} | {
    f"{kind.name}: float constant on the {side}": of_floats(kind, left)
    for kind in declared()
    if issubclass(kind, (Comparison, RealBroadcast))
    for side, left in (("right", False), ("left", True))
}
FURTHER = {"reduce_mean": [module(lambda x: relax.op.mean(x, [2, 3]), rule="axes_are_kept")]}
