"""int8 beside int16, and integers that are moved and chosen between two quantizations: exact."""

import numpy as np
import onnxruntime
import pytest
from lowered import inputs_of, outputs_of, program_and_log
from qdq_product import Network

from tvm_espdl.program import Native
from tvm_espdl.report.partition import report_of

SHAPE = (1, 8, 6, 6)
SEED = 417


def integers(*shape, dtype=np.int8, most=60):
    rng = np.random.default_rng([SEED, *shape])
    return rng.integers(-most, most + 1, shape).astype(dtype)


def checked(net, *outputs, chip="esp32p4"):
    """The operators of a network, after it was seen to give onnxruntime's own bits."""
    model = net.model(*outputs)
    program, log = program_and_log(model, chip)
    natives = [step for step in program.steps if isinstance(step.operator, Native)]
    assert not natives, report_of(program, log)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    inputs = inputs_of(program, SEED, 3.0)
    feed = dict(zip((i.name for i in session.get_inputs()), inputs, strict=True))
    for found, wanted in zip(outputs_of(program, inputs), session.run(None, feed), strict=True):
        assert np.unique(wanted).size > 3
        np.testing.assert_array_equal(found, wanted, err_msg=f"seed {SEED}")
    moves = ("quantize", "dequantize", "transpose", "reshape")
    return [s.operator.name for s in program.steps if s.operator.name not in moves]


#: Types of data, weights and result.
WIDTHS = [
    ("int16", np.int8, "int16"),
    ("int8", np.int16, "int16"),
    ("int8", np.int8, "int16"),
    ("int16", np.int8, "int8"),
    ("int16", np.int16, "int8"),
    ("int8", np.int16, "int8"),
]


def scales(x, w, y):
    return {"int8": -4, "int16": -11}[x], -6 if w == np.int8 else -13, -3 if y == "int8" else -9


@pytest.mark.parametrize(("x", "w", "y"), WIDTHS)
@pytest.mark.parametrize("kind", ["per channel", "groups and relu", "gemm", "matmul"])
def test_products_of_unlike_widths(kind, x, w, y):
    of_x, of_w, of_y = scales(x, w, y)
    most = 60 if w == np.int8 else 9000
    net = Network()
    if kind in ("gemm", "matmul"):
        data = net.input("x", (1, 16) if kind == "gemm" else (1, 3, 16), of_x, x)
        if kind == "gemm":
            b = net.weights(integers(5, dtype=np.int32, most=20000), of_x + of_w)
            weights = net.weights(integers(5, 16, dtype=w, most=most), of_w)
            result = net.node("Gemm", data, weights, b, transB=1)
        else:
            result = net.node(
                "MatMul", data, net.weights(integers(16, 5, dtype=w, most=most), of_w)
            )
    else:
        data = net.input("x", SHAPE, of_x, x)
        if kind == "per channel":
            weights = net.weights(integers(3, 8, 3, 3, dtype=w), [of_w, of_w + 1, of_w - 1])
            result = net.node("Conv", data, weights)
        else:
            weights = net.weights(integers(4, 4, 3, 3, dtype=w, most=most), of_w)
            b = net.weights(integers(4, dtype=np.int32, most=20000), of_x + of_w)
            result = net.node("Relu", net.node("Conv", data, weights, b, group=2))
    names = checked(net, net.quantized(result, of_y, y))
    assert {"conv2d", "gemm"} & {*names}
    assert ("requantize" in names) == ("int8" in (x, y))


def test_activations_of_unlike_widths():
    net = Network()
    a, b = net.input("a", (1, 3, 16), -11, "int16"), net.input("b", (1, 16, 4), -5)
    product = net.quantized(net.node("MatMul", a, b), -8, "int16")
    factor = net.node(
        "Mul", net.input("c", SHAPE, -11, "int16"), net.weights(integers(8, 1, 1), -5)
    )
    relu = net.node("Relu", net.input("d", SHAPE, -11, "int16"))
    outputs = product, net.quantized(factor, -10, "int16"), net.quantized(relu, -4)
    assert checked(net, *outputs) == ["requantize", "matmul", "mul", "relu", "requantize"]


def limits(net, low, high):
    return net.constant(np.float32(low)), net.constant(np.float32(high))


CHAINS = {
    "relu, flatten": (lambda n, x: n.node("Flatten", n.node("Relu", x)), ["relu"]),
    "clip, reshape": (
        lambda n, x: n.node(
            "Reshape", n.node("Clip", x, *limits(n, 0, 1)), n.constant(np.array([1, -1, 4]))
        ),
        ["clip"],
    ),
    "relu, transpose": (
        lambda n, x: n.node("Transpose", n.node("Relu", x), perm=[0, 2, 3, 1]),
        ["relu"],
    ),
    "pool, relu": (
        lambda n, x: n.node("Relu", n.node("MaxPool", x, kernel_shape=[2, 2])),
        ["max_pool2d", "relu"],
    ),
    "pool that ends behind the image, dropout": (
        lambda n, x: n.node(
            "Dropout",
            n.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        ),
        ["max_pool2d"],
    ),
    "relu, convolution": (
        lambda n, x: n.node("Conv", n.node("Relu", x), n.weights(integers(8, 8, 1, 1), -6)),
        ["relu", "conv2d"],
    ),
    "pad, pool": (
        lambda n, x: n.node(
            "MaxPool",
            n.node("Pad", x, n.constant(np.array([0, 0, 0, 0, 0, 0, 1, 1]))),
            kernel_shape=[2, 2],
        ),
        ["pad", "max_pool2d"],
    ),
    "relu, sum": (
        lambda n, x: n.node("Add", n.node("Relu", x), n.input("b", SHAPE, -3)),
        ["relu", "add"],
    ),
}


@pytest.mark.parametrize(
    ("name", "exponent"),
    # A sum requantizes its inputs, which rounds twice.
    [(name, e) for name in CHAINS for e in (-4, -3) if (name, e) != ("relu, sum", -3)],
)
def test_what_is_moved_and_chosen_between_quantizations(name, exponent):
    build, wanted = CHAINS[name]
    net = Network()
    result = net.quantized(build(net, net.input("x", SHAPE, -4)), exponent)
    assert [n for n in checked(net, result) if n != "requantize"] == wanted


def test_limits_that_no_integer_stands_for_stay_floats():
    net = Network()
    clip = net.node("Clip", net.input("x", SHAPE, -4), *limits(net, -0.3, 0.7))
    program, _ = program_and_log(net.model(net.quantized(net.node("Flatten", clip), -6)))
    assert any(isinstance(step.operator, Native) for step in program.steps)
