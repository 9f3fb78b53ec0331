"""Divisions by norms from ONNX, as one node and in steps, against onnxruntime and float64."""

import numpy as np
import pytest
from qdq_builder import QdqBuilder
from qdq_rearrangement import assert_onnx, assert_reference, compiled, operators_of, rules_of

SHAPE = (1, 4, 6)
SCALE = np.linspace(-0.5, 2, SHAPE[-1]).astype(np.float32)


def network(make, exponent, dtype=np.int8, opset=21, input_exponent=-4):
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", SHAPE, input_exponent)
    builder.output(builder.qdq(make(builder, x), exponent))
    return builder.model(opset)


def one_node(b, x):
    return b.node("RMSNormalization", x, b.constant(SCALE), axis=-1, epsilon=1e-5)


def steps(square, divide, packed):
    """`x / sqrt(mean(x**2) + epsilon) * scale` as exporters write it."""

    def make(b, x):
        squared = {
            "pow": lambda: b.node("Pow", x, b.constant(np.float32(2))),
            "mul": lambda: b.node("Mul", x, x),
        }[square]()
        mean = b.node("ReduceMean", squared, b.constant(np.array([-1])), keepdims=1)
        root = b.node("Sqrt", b.node("Add", b.constant(np.float32(1e-5)), mean))
        result = {
            "div": lambda: b.node("Div", x, root),
            "one over": lambda: b.node("Mul", b.node("Div", b.constant(np.float32(1)), root), x),
            "reciprocal": lambda: b.node("Mul", x, b.node("Reciprocal", root)),
        }[divide]()
        scale = b.weights(np.arange(-2, 4).astype(np.int8), -2) if packed else b.constant(SCALE)
        return b.node("Mul", *((scale, result) if packed else (result, scale)))

    return make


@pytest.mark.parametrize("dtype", (np.int8, np.int16))
@pytest.mark.parametrize("chip", ("esp32", "esp32s3", "esp32p4"))
def test_rms_norm(chip, dtype):
    # Of float inputs, int16 has a finer grid than onnxruntime's float32 rounds alike on.
    model = network(one_node, -4, dtype, 23)
    library = compiled(model, chip)
    assert operators_of(library) == ["quantize", "rms_norm", "dequantize"]
    assert_onnx(model, library, tolerance=0 if dtype == np.int8 else 2.0**-4)


@pytest.mark.parametrize("packed", (False, True), ids=("float scale", "quantized scale"))
@pytest.mark.parametrize("divide", ("div", "one over", "reciprocal"))
@pytest.mark.parametrize("square", ("pow", "mul"))
def test_rms_norm_in_steps(square, divide, packed):
    model = network(steps(square, divide, packed), -4)
    library = compiled(model)
    assert operators_of(library) == ["quantize", "rms_norm", "dequantize"]
    assert_onnx(model, library, tolerance=2.0**-4 if packed else 0)


def test_quantized_between_the_steps_means_those_integers():
    def make(b, x):
        squared = b.qdq(b.node("Pow", x, b.constant(np.float32(2))), -1)
        mean = b.node("ReduceMean", squared, b.constant(np.array([-1])), keepdims=1)
        root = b.node("Sqrt", b.node("Add", mean, b.constant(np.float32(1e-5))))
        return b.node("Mul", b.node("Div", x, root), b.constant(SCALE))

    library = compiled(network(make, -4))
    assert "rms_norm" not in operators_of(library)
    assert "pow" in operators_of(library)


def test_rms_norm_over_rows_stays_with_tvm():
    def make(b, x):
        squared = b.node("Mul", x, x)
        mean = b.node("ReduceMean", squared, b.constant(np.array([1])), keepdims=1)
        root = b.node("Sqrt", b.node("Add", mean, b.constant(np.float32(1e-5))))
        return b.node("Mul", b.node("Div", x, root), b.constant(SCALE))

    library = compiled(network(make, -4))
    assert "rms_norm" not in operators_of(library)
    assert "normalized_axes_are_trailing" in rules_of(library)


@pytest.mark.parametrize("axis", (1, -1))
@pytest.mark.parametrize("p", (1, 2))
@pytest.mark.parametrize("chip", ("esp32", "esp32s3", "esp32p4"))
def test_lp_norm(chip, p, axis):
    def make(b, x):
        return b.node("LpNormalization", x, axis=axis, p=p)

    model = network(make, -7)
    library = compiled(model, chip)
    assert operators_of(library) == ["quantize", "lp_norm", "dequantize"]
    assert_onnx(model, library)


def test_lp_norm_of_zeros_is_zero():
    library = compiled(network(lambda b, x: b.node("LpNormalization", x, axis=-1, p=2), -7))
    (result,) = library.run([np.zeros(SHAPE, np.float32)])
    assert not result.any()


def normalized(lowest):
    """As PyTorch exports `functional.normalize`."""

    def make(b, x):
        norm = b.node("ReduceL2", x, b.constant(np.array([-1])), keepdims=1)
        limited = b.node("Clip", norm, b.constant(np.float32(lowest)))
        wide = b.node("Expand", limited, b.constant(np.array(SHAPE)))
        return b.node("Div", x, wide)

    return make


def test_lp_norm_as_pytorch_exports_it():
    model = network(normalized(1e-12), -7)
    library = compiled(model)
    assert operators_of(library) == ["quantize", "lp_norm", "dequantize"]
    assert_onnx(model, library)


def test_a_limit_that_binds_is_no_lp_norm():
    library = compiled(network(normalized(1.0), -7))
    assert "lp_norm" not in operators_of(library)


def test_lp_norm_of_channels_follows_the_layout():
    """Behind a convolution's layout the axis is the last one."""

    def make(b, x):
        pooled = b.qdq(b.node("MaxPool", x, kernel_shape=[2]), -4)
        norm = b.qdq(b.node("LpNormalization", pooled, axis=1, p=2), -7)
        return b.node("MaxPool", norm, kernel_shape=[2])

    library = compiled(network(make, -7))
    assert_reference(library)
    names = operators_of(library)
    assert names[names.index("max_pool2d") :].count("transpose") <= 1
    record = next(s.operator for s in library.program.steps if s.operator.name == "lp_norm")
    assert record.axis == 2
