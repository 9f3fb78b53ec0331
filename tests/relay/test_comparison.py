"""Comparisons, powers and remainders from ONNX: right for every integer, also with float limits."""

import numpy as np
import onnxruntime
import pytest
from network_in_c import run_network
from networks import by_reference
from onnx import TensorProto
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.program import Native

NUMPY = {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
}
NAMES = {
    **{"Equal": "equal", "Greater": "greater", "GreaterOrEqual": "greater_equal"},
    **{"Less": "less", "LessOrEqual": "less_equal", "Pow": "pow", "Mod": "mod"},
}
EVERY_INT8 = (np.arange(-128, 128) * 2.0**-4).astype(np.float32).reshape(1, 4, 64)
# Beyond both ends of the input's range, at them, on integers and between them.
LIMITS = (-100.0, -8.0625, -8.0, -7.97, -0.5, -0.03, 0.0, 0.03, 1.0, 7.9, 7.9375, 7.99, 8.0, 99.0)


def compiled(make, chip="esp32s3", dtype=np.int8, opset=21):
    builder = QdqBuilder(dtype)
    builder.output(make(builder))
    model = builder.model(opset)
    return model, compile_file(model, chip=chip)


def made(library):
    steps = library.program.steps
    return [s.operator.name for s in steps if not isinstance(s.operator, Native)]


def as_float(builder, truth):
    return builder.node("Cast", truth, to=TensorProto.FLOAT)


@pytest.mark.parametrize("left", (False, True), ids=("right", "left"))
@pytest.mark.parametrize("kind", NUMPY)
def test_a_float_limit_decides_alike_for_every_integer(kind, left):
    builder = QdqBuilder()
    x = builder.quantized_input("x", EVERY_INT8.shape, -4)
    for limit in LIMITS:
        constant = builder.constant(np.float32(limit))
        truth = builder.node(kind, *((constant, x) if left else (x, constant)))
        builder.output(as_float(builder, truth))
    library = compile_file(builder.model(), chip="esp32s3")
    expected = [
        NUMPY[kind](*((np.float32(n), EVERY_INT8) if left else (EVERY_INT8, np.float32(n))))
        for n in LIMITS
    ]
    for limit, wanted, result in zip(LIMITS, expected, library.run([EVERY_INT8]), strict=True):
        np.testing.assert_array_equal(result, wanted.astype(np.float32), err_msg=str(limit))
    # Only what no integer can say is left to TVM: a limit that decides nothing, or no number.
    if kind == "Equal":
        possible = [n * 16 == round(n * 16) and -8 <= n < 8 for n in LIMITS]
    else:
        possible = [w.any() and not w.all() for w in expected]
    taken = made(library).count(NAMES[kind])
    assert sum(possible) <= taken < len(LIMITS)
    rules = [r.refusal.rule for r in library.report().reasons]
    assert rules.count("constant_is_an_integer_at_an_exponent") == len(LIMITS) - taken


@pytest.mark.parametrize("chip", ("esp32", "esp32s3", "esp32p4"))
@pytest.mark.parametrize("kind", NUMPY)
def test_two_tensors(kind, chip):
    shapes = ((1, 3, 17), (1, 1, 17))
    for dtype in (np.int8, np.int16):
        _, library = compiled(
            lambda b: as_float(
                b,
                b.node(kind, b.quantized_input("a", shapes[0]), b.quantized_input("b", shapes[1])),
            ),
            chip,
            dtype,
        )
        assert made(library)[-1] == NAMES[kind]
        rng = np.random.default_rng(1)
        limits = np.iinfo(dtype)
        a, b = (rng.integers(-5, 6, shape) for shape in shapes)
        a[0, 0, :2], b[0, 0, :2] = limits.min, limits.max
        inputs = [(values * 2.0**-4).astype(np.float32) for values in (a, b)]
        (result,) = library.run(inputs)
        np.testing.assert_array_equal(result, NUMPY[kind](a, b).astype(np.float32))


def test_a_network_that_chooses(c_compiler):
    """The result of a comparison lives between ESP-DL and TVM: NumPy, library and C agree."""

    def make(b):
        x, y = b.quantized_input("x", (1, 5, 7)), b.quantized_input("y", (1, 5, 7))
        pooled = b.qdq(b.node("MaxPool", x, kernel_shape=[3], pads=[1, 1]), -4)
        larger = b.node("Where", b.node("Less", pooled, y), y, pooled)
        return b.qdq(larger, -4)

    model, library = compiled(make)
    assert "less" in made(library)
    rng = np.random.default_rng(2)
    samples = [[rng.normal(0, 3, (1, 5, 7)).astype(np.float32) for _ in "xy"] for _ in range(3)]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for sample, in_c in zip(
        samples, run_network(library.program, samples, c_compiler), strict=True
    ):
        (wanted,) = session.run(None, dict(zip("xy", sample, strict=True)))
        (result,) = library.run(sample)
        np.testing.assert_array_equal(result, in_c[0])
        np.testing.assert_array_equal(result, wanted)


def test_a_truth_value_as_the_networks_output(c_compiler):
    builder = QdqBuilder()
    x, y = builder.quantized_input("x", (1, 5)), builder.quantized_input("y", (1, 5))
    builder.output(as_float(builder, builder.node("Greater", x, y)))
    model = builder.model(21)
    model.graph.node.pop()
    model.graph.output[0].name = model.graph.node[-1].output[0]
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.BOOL
    library = compile_file(model, chip="esp32p4")
    inputs = [np.float32([[1, 2, 3, -1, -8]]), np.float32([[0.9, 2, 4, -2, 7]])]
    for (result,) in (library.run(inputs), run_network(library.program, [inputs], c_compiler)[0]):
        assert result.dtype == np.bool_
        assert result.tolist() == [[True, False, False, True, False]]


def test_other_exponents_stay_with_tvm():
    _, library = compiled(
        lambda b: as_float(
            b,
            b.node("Less", b.quantized_input("x", (1, 9), -4), b.quantized_input("y", (1, 9), -5)),
        )
    )
    assert "less" not in made(library)
    assert "exponents_are_equal" in [r.refusal.rule for r in library.report().reasons]


def assert_near(model, library, inputs, steps=0):
    """The library is its references and within `steps` of onnxruntime."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (wanted,) = session.run(None, dict(zip(library.program.input_names, inputs, strict=True)))
    (result,) = library.run(inputs)
    program = library.program
    np.testing.assert_array_equal(result, by_reference(program, inputs)[program.outputs[0]])
    exponent = program.values[program.outputs[0].removesuffix("_float")].exponent
    np.testing.assert_allclose(result, wanted, rtol=0, atol=steps * 2.0**exponent)


@pytest.mark.parametrize("chip", ("esp32s3", "esp32p4"))
@pytest.mark.parametrize(("power", "exponent"), [(2.0, -1), (3.0, 3), (0.5, -5), (-1.0, -3)])
def test_powers_of_float_constants(power, exponent, chip):
    positive = np.abs(EVERY_INT8) + np.float32(2.0**-4)

    def make(b):
        x = b.quantized_input("x", positive.shape, -4)
        return b.qdq(b.node("Pow", x, b.constant(np.float32(power))), exponent)

    model, library = compiled(make, chip)
    assert "pow" in made(library)
    # ESP-DL rounds ties up on the S3, where onnxruntime takes the even integer.
    assert_near(model, library, [positive], steps=0 if chip == "esp32p4" else 1)


def test_squares_are_those_of_integers():
    def make(b):
        x = b.quantized_input("x", EVERY_INT8.shape, -4)
        return b.qdq(b.node("Pow", x, b.constant(np.float32(2.0))), -1)

    _, library = compiled(make)
    integers = np.arange(-128, 128).reshape(EVERY_INT8.shape)
    expected = np.clip((integers**2 + 64) >> 7, -128, 127) * 2.0**-1
    np.testing.assert_array_equal(library.run([EVERY_INT8])[0], expected.astype(np.float32))


@pytest.mark.parametrize("dtype", (np.int8, np.int16))
def test_remainders(dtype):
    def make(b):
        x, y = b.quantized_input("x", (1, 6, 9), -4), b.quantized_input("y", (1, 6, 9), -3)
        return b.qdq(b.node("Mod", x, y, fmod=1), -4)

    model, library = compiled(make, dtype=dtype)
    assert "mod" in made(library)
    rng = np.random.default_rng(4)
    x, y = (rng.integers(-60, 60, (1, 6, 9)) for _ in "xy")
    y[y == 0] = 3
    inputs = [(x * 2.0**-4).astype(np.float32), (y * 2.0**-3).astype(np.float32)]
    expected = np.sign(x) * (np.abs(x) % np.abs(2 * y)) * 2.0**-4
    np.testing.assert_array_equal(library.run(inputs)[0], expected.astype(np.float32))
    assert_near(model, library, inputs)
