"""Activation functions, in one node or spelled out: recognised, right, and refused by name."""

import numpy as np
import pytest
from networks import by_reference
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.ops.lut import INT16_STEP
from tvm_espdl.program import Native

SHAPE = (1, 4, 5, 6)
CHIPS = ("esp32s3", "esp32p4", "esp32")
DTYPES = (np.int8, np.int16)
SEED = 20261121


def finer(dtype):
    """What is taken off an int8 exponent for data of `dtype`."""
    return 0 if dtype == np.int8 else 8


def compiled(function, dtype, chip="esp32s3", *, x_exponent=-4, y_exponent=-5, y_dtype=None):
    builder = QdqBuilder(dtype)
    y = function(builder, builder.quantized_input("x", SHAPE, x_exponent - finer(dtype)))
    builder.dtype = np.dtype(y_dtype or dtype)
    builder.output(builder.qdq(y, y_exponent - finer(builder.dtype)))
    return compile_file(builder.model(21), chip=chip)


def sample(exponent=-4):
    """Every int8 value at an exponent, as far as they go, the smallest first."""
    count = int(np.prod(SHAPE))
    return (np.linspace(-128, 127, count).round() * 2.0**exponent).astype(np.float32).reshape(SHAPE)


def operators(library):
    """Those of ESP-DL."""
    made = [step.operator for step in library.program.steps]
    return [operator for operator in made if not isinstance(operator, Native)]


def node(name, **attributes):
    return lambda b, x: b.node(name, x, **attributes)


def between(builder, tensor, exponent, quantized):
    """A result on the way, quantized or not."""
    return builder.qdq(tensor, exponent - finer(builder.dtype)) if quantized else tensor


def number(builder, value, exponent, quantized):
    if not quantized:
        return builder.constant(np.float32(value))
    exponent -= finer(builder.dtype)
    return builder.weights(np.asarray(round(value * 2.0**-exponent), builder.dtype), exponent)


def product(builder, a, b, flipped):
    return builder.node("Mul", *((b, a) if flipped else (a, b)))


def swish(quantized=False, flipped=False):
    def spelled(b, x):
        sigmoid = between(b, b.node("Sigmoid", x), -7, quantized)
        return product(b, x, sigmoid, flipped)

    return spelled


def clipped(b, x, quantized, three=3):
    more = between(b, b.node("Add", x, number(b, three, -4, quantized)), -3, quantized)
    limits = (b.constant(np.float32(limit)) for limit in (0, 6))
    return between(b, b.node("Clip", more, *limits), -4, quantized)


def hard_swish_of_clip(quantized=False, flipped=False, three=3):
    def spelled(b, x):
        six = number(b, 6, -4, quantized)
        sixth = between(b, b.node("Div", clipped(b, x, quantized, three), six), -7, quantized)
        return product(b, x, sixth, flipped)

    return spelled


def hard_swish_of_product(quantized=False, flipped=False):
    def spelled(b, x):
        both = product(b, x, clipped(b, x, quantized), flipped)
        return b.node("Div", between(b, both, -1, quantized), number(b, 6, -4, quantized))

    return spelled


def hard_swish_of_hard_sigmoid(quantized=False, flipped=False):
    def spelled(b, x):
        line = b.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)
        return product(b, x, between(b, line, -7, quantized), flipped)

    return spelled


def hard_sigmoid_of_clip(b, x):
    return b.node("Div", clipped(b, x, False), b.constant(np.float32(6)))


def prelu(factors, exponent=-7):
    def call(b, x):
        array = np.asarray(factors, b.dtype).reshape(-1, 1, 1)
        return b.node("PRelu", x, b.weights(array, exponent))

    return call


def true_swish(x):
    return x / (1 + np.exp(-x))


def true_hard_swish(x):
    return x * np.clip(x + 3, 0, 6) / 6


# name -> (operator of int8, operator of int16, form, the function itself)
FORMS = {
    "sigmoid": ("lut", "sigmoid", node("Sigmoid"), lambda x: 1 / (1 + np.exp(-x))),
    "tanh": ("lut", "tanh", node("Tanh"), np.tanh),
    "exp": ("lut", "exp", node("Exp"), np.exp),
    "hard_sigmoid": (
        "lut",
        "hard_sigmoid",
        node("HardSigmoid", alpha=0.125, beta=0.375),
        lambda x: np.clip(0.125 * x + 0.375, 0, 1),
    ),
    "hard_sigmoid of clip": (
        "lut",
        "hard_sigmoid",
        hard_sigmoid_of_clip,
        lambda x: np.clip(x + 3, 0, 6) / 6,
    ),
    "elu": ("lut", "elu", node("Elu", alpha=1.5), lambda x: np.where(x < 0, 1.5 * np.expm1(x), x)),
    "gelu": ("lut", "lut", node("Gelu"), lambda x: x / (1 + np.exp(-1.5958 * x - 0.07135 * x**3))),
    "gelu by tanh": (
        "lut",
        "lut",
        node("Gelu", approximate="tanh"),
        lambda x: x / (1 + np.exp(-1.5958 * x - 0.07135 * x**3)),
    ),
    "softplus": ("lut", "lut", node("Softplus"), lambda x: np.log1p(np.exp(x))),
    "hard_swish": ("lut", "hard_swish", node("HardSwish"), true_hard_swish),
    "leaky_relu": (
        "leaky_relu",
        "leaky_relu",
        node("LeakyRelu", alpha=0.25),
        lambda x: np.where(x < 0, x / 4, x),
    ),
}
SPELLED = {
    f"{name}{', flipped' if f else ''}": ("lut", operator, form(flipped=f), function)
    for name, operator, form, function in (
        ("x * sigmoid(x)", "swish", swish, true_swish),
        ("x * (clip / 6)", "hard_swish", hard_swish_of_clip, true_hard_swish),
        ("(x * clip) / 6", "hard_swish", hard_swish_of_product, true_hard_swish),
        ("x * hard_sigmoid(x)", "hard_swish", hard_swish_of_hard_sigmoid, true_hard_swish),
    )
    for f in (False, True)
}
ALL = {**FORMS, **SPELLED}


def steps_off(library, operator, exact, x):
    """One operator between quantize and dequantize, its reference's bits; steps off `exact`."""
    computing = [
        step.operator.name
        for step in library.program.steps
        if step.operator.name not in ("quantize", "dequantize", "transpose", "reshape")
    ]
    assert computing == [operator]
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}
    values = by_reference(library.program, [x])
    (result,) = library.run([x])
    np.testing.assert_array_equal(result, values[library.program.outputs[0]])
    output = next(o.x for o in operators(library) if o.name == "dequantize")
    limits, step = np.iinfo(output.dtype), 2.0**output.exponent
    wanted = np.clip(exact(x.astype(np.float64)), limits.min * step, limits.max * step)
    return np.abs(result - wanted).max() / step


@pytest.mark.parametrize("name", ALL)
def test_int8_becomes_a_table(name):
    operator, _, form, exact = ALL[name]
    for chip in CHIPS:
        assert steps_off(compiled(form, np.int8, chip), operator, exact, sample()) <= 1.01


@pytest.mark.parametrize("name", ALL)
def test_int16_is_evaluated(name):
    _, operator, form, exact = ALL[name]
    off = steps_off(compiled(form, np.int16), operator, exact, sample())
    # A table of int16 holds the nearest of its inputs only.
    assert off <= (INT16_STEP if operator == "lut" else 1.01)


@pytest.mark.parametrize("name", ["Log", "Sqrt"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_positive_values(name, dtype):
    library = compiled(node(name), dtype)
    x = np.clip(np.abs(sample()), 0.0625, 7.5).astype(np.float32)
    operator = "lut" if dtype == np.int8 else name.lower()
    assert steps_off(library, operator, getattr(np, name.lower()), x) <= 1.01
    # What has no real result is the largest integer; the logarithm of zero the smallest.
    lowest = np.full(SHAPE, -1, np.float32)
    (result,) = library.run([lowest])
    limits = np.iinfo(dtype)
    assert (result == limits.max * 2.0 ** (-5 - finer(dtype))).all()


def test_integers_on_the_way_are_kept():
    """What the model quantizes between the calls is a tensor of its own: fusing would change it."""
    library = compiled(swish(quantized=True), np.int8)
    computing = [o.name for o in operators(library) if o.name not in ("quantize", "dequantize")]
    assert computing == ["lut", "mul"]
    (result,) = library.run([sample()])
    values = by_reference(library.program, [sample()])
    np.testing.assert_array_equal(result, values[library.program.outputs[0]])
    for form in (hard_swish_of_clip, hard_swish_of_product, hard_swish_of_hard_sigmoid):
        made = operators(compiled(form(quantized=True), np.int8))
        assert all(getattr(o, "function", "") != "hard_swish" for o in made)


def test_table_holds_what_the_chip_rounds_to():
    """At x = 0.5 the hard sigmoid of slope 1 / 16 gives a tie: 0.53125 is 8.5 sixteenths."""
    form = node("HardSigmoid", alpha=0.0625, beta=0.5)
    entries = {
        chip: next(
            step.constants[0][8 + 128]
            for step in compiled(form, np.int8, chip, y_exponent=-4).program.steps
            if step.operator.name == "lut"
        )
        for chip in CHIPS
    }
    assert entries == {"esp32": 9, "esp32s3": 9, "esp32p4": 8}


def test_table_says_what_it_computes():
    named = [o.function for o in operators(compiled(swish(), np.int8)) if o.name == "lut"]
    assert named == ["swish"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chip", CHIPS)
def test_prelu_of_channels(dtype, chip):
    factors = (32, -16, 64, 5)
    library = compiled(prelu(factors), dtype, chip, y_exponent=-4)
    alpha = np.array(factors).reshape(1, 4, 1, 1) / 128
    off = steps_off(library, "prelu", lambda x: np.where(x < 0, alpha * x, x), sample())
    assert off <= 1.01


@pytest.mark.parametrize(("dtype", "operator"), [(np.int8, "leaky_relu"), (np.int16, "prelu")])
def test_prelu_of_one_factor(dtype, operator):
    library = compiled(prelu([32]), dtype, y_exponent=-4)
    assert steps_off(library, operator, lambda x: np.where(x < 0, x / 4, x), sample()) <= 1.01


def two_inputs(b, x):
    return b.node("Mul", x, b.node("Sigmoid", b.qdq(b.input("other", SHAPE), -4)))


# name -> (rule, operator, form, arguments of `compiled`)
REFUSED = {
    "another type": ("types_are_equal", "lut", node("Sigmoid"), {"y_dtype": np.int16}),
    "far exponents": (
        "exponents_fit_shifts",
        "leaky_relu",
        node("LeakyRelu"),
        {"x_exponent": -31, "y_exponent": -5},
    ),
    "another constant": (
        "calls_spell_a_function",
        "hard_swish",
        hard_swish_of_clip(three=2),
        {},
    ),
    "prelu of other exponents": (
        "positive_values_are_copied",
        "prelu",
        prelu((1, 2, 3, 4)),
        {"chip": "esp32"},
    ),
    "prelu that wraps": (
        "products_do_not_wrap",
        "prelu",
        prelu((1, 2, 3, 127), exponent=-5),
        {"chip": "esp32p4", "y_exponent": -4},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_forms_stay_with_tvm(name):
    rule, operator, form, arguments = REFUSED[name]
    library = compiled(form, np.int8, **arguments)
    reasons = {(r.operator, r.refusal.rule) for r in library.report().reasons}
    assert any(found == rule for _, found in reasons), reasons
    assert operator not in [o.name for o in operators(library)]
    assert any(isinstance(step.operator, Native) for step in library.program.steps)


def test_product_with_another_sigmoid_is_no_swish():
    library = compiled(two_inputs, np.int8)
    assert all(getattr(o, "function", "") != "swish" for o in operators(library))
