"""Operators of two inputs: recognised with constants on either side, right, refused by name."""

import numpy as np
import pytest
from networks import by_reference
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.program import Native

RNG = np.random.default_rng(20261121)
SHAPE = (1, 5, 4, 3)
OTHERS = {"same": SHAPE, "channel": (5, 1, 1), "row": (1, 1, 1, 3), "scalar": (), "one": (1,)}
EXPONENTS = {"Sub": (-4, -4), "Mul": (-6, -3), "Div": (-6, -2), "Max": (-4, -4), "Min": (-4, -4)}
NAMES = {"Sub": "sub", "Mul": "mul", "Div": "div", "Max": "maximum", "Min": "minimum"}


def integers(shape, dtype):
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max + 1, shape).astype(dtype)


def compiled(name, other, *, dtype=np.int8, chip="esp32s3", left=False, exponents=None, **options):
    """`x op other` or `other op x`; `other` is an array of integers or the shape of an input."""
    finer = 0 if dtype == np.int8 else 8
    own, result = (e - finer for e in (exponents or EXPONENTS[name]))
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", SHAPE, -4 - finer)
    if options.get("pooled"):
        x = builder.qdq(
            builder.node("MaxPool", x, kernel_shape=[2, 2], pads=[0, 0, 1, 1]), -4 - finer
        )
    if isinstance(other, tuple):
        b = builder.quantized_input("other", other, own)
    else:
        b = builder.weights(other, own)
    y = builder.node(name, *((b, x) if left else (x, b)))
    if options.get("relu"):
        y = builder.node("Relu", y)
    builder.output(builder.qdq(y, result))
    return compile_file(builder.model(21), chip=chip)


def names(library):
    """Those of ESP-DL's operators."""
    made = [step.operator for step in library.program.steps]
    return [operator.name for operator in made if not isinstance(operator, Native)]


def assert_right(library, operator):
    program = library.program
    assert operator in names(library)
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        inputs = [
            rng.normal(0, 4, program.values[name].shape).astype(np.float32)
            for name in program.inputs
        ]
        values = by_reference(program, inputs)
        (result,) = library.run(inputs)
        np.testing.assert_array_equal(result, values[program.outputs[0]], err_msg=f"seed {seed}")


@pytest.mark.parametrize("left", (False, True), ids=("right", "left"))
@pytest.mark.parametrize("shape", OTHERS)
@pytest.mark.parametrize("name", NAMES)
def test_constant_on_either_side(name, shape, left):
    for dtype in (np.int8, np.int16):
        other = integers(OTHERS[shape], dtype)
        assert_right(compiled(name, other, dtype=dtype, left=left), NAMES[name])


@pytest.mark.parametrize("chip", ("esp32", "esp32s3", "esp32p4"))
@pytest.mark.parametrize("name", NAMES)
def test_two_inputs_and_channels_last(name, chip):
    library = compiled(name, SHAPE, chip=chip)
    assert_right(library, NAMES[name])
    # Behind a pool, which is NHWC, the constant follows.
    library = compiled(name, integers((5, 1, 1), np.int8), chip=chip, pooled=True)
    assert_right(library, NAMES[name])
    record = next(s.operator for s in library.program.steps if s.operator.name == NAMES[name])
    assert (record.a.shape, record.b.shape) == ((1, 4, 3, 5), (1, 1, 1, 5))


def test_results_are_those_of_plain_numpy():
    """Independent of `reference`: int8 on a half-up chip, in integers and float64."""
    other = integers((5, 1, 1), np.int8)
    q = integers(SHAPE, np.int8).astype(np.int64)
    b = other.astype(np.int64)
    wanted = {
        "Sub": q - b,
        "Mul": (q * b + 64) >> 7,
        "Max": np.maximum(q, b),
        "Min": np.minimum(q, b),
    }
    for name, integers_wanted in wanted.items():
        library = compiled(name, other)
        (result,) = library.run([(q * 2.0**-4).astype(np.float32)])
        expected = np.clip(integers_wanted, -128, 127) * 2.0 ** EXPONENTS[name][1]
        np.testing.assert_array_equal(result, expected.astype(np.float32), err_msg=name)


def test_sub_takes_relu():
    library = compiled("Sub", SHAPE, relu=True)
    assert names(library).count("sub") == 1
    assert "relu" not in names(library)
    assert_right(library, "sub")


@pytest.mark.parametrize("dtype", (np.int8, np.int16))
def test_neg(dtype):
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", SHAPE, -4)
    builder.output(builder.qdq(builder.node("Neg", x), -4))
    library = compile_file(builder.model(21), chip="esp32s3")
    assert_right(library, "neg")
    (result,) = library.run([np.full(SHAPE, -1e6, np.float32)])
    assert (result == np.iinfo(dtype).max * 2.0**-4).all()


# name -> (rule, operator, arguments of `compiled`)
REFUSED = {
    "mul that shifts left": ("vector_shift_fits", "Mul", SHAPE, {"exponents": (-4, -9)}),
    "computed divisor": ("single_operand_is_constant", "Div", (1, 1, 1, 1), {}),
    "computed dividend": ("single_operand_is_constant", "Div", (1, 1, 1, 1), {"left": True}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_forms_stay_with_tvm(case):
    rule, name, other, arguments = REFUSED[case]
    library = compiled(name, other, **arguments)
    reasons = [(r.operator, r.refusal.rule) for r in library.report().reasons]
    assert (NAMES[name], rule) in reasons
    assert NAMES[name] not in names(library)
    assert any(isinstance(step.operator, Native) for step in library.program.steps)


@pytest.mark.parametrize("name", ["Sub", "Max", "Min"])
def test_other_exponents_are_requantized(name):
    library = compiled(name, SHAPE, exponents=(-5, -4))
    assert NAMES[name] in names(library)
    assert "requantize" in names(library)
    assert any("extra requantize" in warning for warning in library.report().warnings)


def test_mul_that_shifts_left_runs_on_plain_chips():
    assert_right(compiled("Mul", SHAPE, exponents=(-4, -9), chip="esp32"), "mul")


def test_neg_of_other_exponents_stays_with_tvm():
    builder = QdqBuilder()
    x = builder.quantized_input("x", SHAPE, -4)
    builder.output(builder.qdq(builder.node("Neg", x), -3))
    library = compile_file(builder.model(), chip="esp32s3")
    assert "neg" not in names(library)
    assert "exponents_are_equal" in [r.refusal.rule for r in library.report().reasons]


def test_max_of_three_is_left_to_the_importer():
    builder = QdqBuilder()
    tensors = [builder.quantized_input(name, SHAPE, -4) for name in "abc"]
    builder.output(builder.qdq(builder.node("Max", *tensors), -4))
    assert "maximum" not in names(compile_file(builder.model(), chip="esp32s3"))
