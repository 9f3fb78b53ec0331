"""Conv, Gemm and MatMul: weights, bias, Relu and Clip in the same kernel, the shift."""

import numpy as np
import pytest
from qdq_builder import QdqBuilder
from qdq_networks import exponent_by_search, floats, network, node, quantize, run

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ChipError
from tvm_espdl.quantize import quantize_onnx

CHIPS = ["esp32", "esp32s3", "esp32p4"]
WEIGHTS = {"w": floats(4, 3, 3, 3, scale=0.2), "b": floats(4)}


def conv(*more, outputs=None, constants=None):
    tail = node("Conv", "x w b", more[0].input[0] if more else "y", name="conv")
    return network(
        [tail, *more],
        {"x": (1, 3, 8, 8)},
        outputs or {"y": (1, 4, 6, 6)},
        {**WEIGHTS, **(constants or {})},
    )


@pytest.mark.parametrize("chip", CHIPS)
def test_conv(chip):
    data = floats(8, 3, 8, 8)
    _, q = quantize(conv(), data, chip)
    layer, record = q.one("Conv"), find_chip(chip)
    xe, we, be = (q.into(layer, place) for place in range(3))
    assert xe == exponent_by_search(data.min(), data.max())
    weight = WEIGHTS["w"]
    if record.per_channel:
        assert we.tolist() == [exponent_by_search(w.min(), w.max()) for w in weight]
        assert q.source(layer, 1).attribute[0].i == q.source(layer, 2).attribute[0].i == 0
    else:
        assert we == exponent_by_search(weight.min(), weight.max())
        assert not q.source(layer, 1).attribute
    assert np.array_equal(be, xe + we)
    assert q.after(layer) >= np.max(xe + we)
    stored, bias = q.stored(layer, 1), q.stored(layer, 2)
    assert (stored.dtype, bias.dtype) == (np.int8, np.int32)
    rounded = np.floor if record.rounding == "half_up" else np.rint
    half = 0.5 if record.rounding == "half_up" else 0.0
    scale = 2.0 ** np.broadcast_to(we, (4,)).astype(float)
    assert np.array_equal(stored, rounded(weight / scale[:, None, None, None] + half))
    assert np.array_equal(bias, rounded(WEIGHTS["b"] / (scale * 2.0**xe) + half))


def test_names():
    _, q = quantize(conv())
    layer = q.one("Conv")
    assert list(layer.input) == ["x_dequantized", "w_dequantized", "b_dequantized"]
    assert {"w_quantized", "b_quantized"} <= set(q.constants)
    assert q.maker["x_quantized"].op_type == "QuantizeLinear"
    # The output keeps its name and is float; the tensor before its Q is renamed.
    assert layer.output[0] == "y_float"
    assert q.maker["y_quantized"].input[0] == "y_float"
    assert q.maker["y"].op_type == "DequantizeLinear"
    names = [n.name for n in q.nodes]
    assert len(set(names)) == len(names)


def test_intermediate_tensors_keep_their_name():
    result, q = quantize(conv(node("Sigmoid", "t", "y")))
    assert q.one("Conv").output[0] == "t"
    assert q.one("Sigmoid").input[0] == "t_dequantized"
    assert [row.name for row in result.report.rows] == ["x", "w", "b", "t", "y"]
    assert [row.role for row in result.report.rows] == [
        "input", "weight", "bias", "activation", "output",
    ]  # fmt: skip


def test_relu_joins_the_convolution():
    result, q = quantize(conv(node("Relu", "t", "y")))
    assert q.one("Relu").input[0] == q.one("Conv").output[0] == "t"
    assert [n.op_type for n in q.readers("t")] == ["Relu"]
    output = next(row for row in result.report.rows if row.name == "y")
    assert q.after(q.one("Relu")) == exponent_by_search(0.0, output.high)


def test_relu_stays_apart_when_the_convolution_has_another_reader():
    model = conv(
        node("Relu", "t", "r"),
        node("Sigmoid", "t", "s"),
        outputs={"r": (1, 4, 6, 6), "s": (1, 4, 6, 6)},
    )
    result, q = quantize(model)
    exponent = q.after(q.one("Conv"))
    assert q.into(q.one("Relu")) == q.after(q.one("Relu")) == exponent
    row = next(row for row in result.report.rows if row.name == "t")
    assert exponent == exponent_by_search(row.low, row.high)


def test_clip_shares_the_exponent_of_its_output():
    limits = {"lo": np.float32(0), "hi": np.float32(0.9)}
    result, q = quantize(conv(node("Clip", "t lo hi", "y"), constants=limits))
    clip, layer = q.one("Clip"), q.one("Conv")
    assert q.after(layer) == q.into(clip) == q.after(clip) == exponent_by_search(0, 0.9) == -7
    rows = {row.name: row for row in result.report.rows}
    assert rows["t"].saturates
    assert not rows["y"].saturates


def test_clip_that_saturation_absorbs_becomes_relu():
    limits = {"lo": np.float32(0), "hi": np.float32(6)}
    data = floats(8, 3, 8, 8, scale=0.1)
    _, q = quantize(conv(node("Clip", "t lo hi", "y"), constants=limits), data)
    assert not q.all("Clip")
    assert q.one("Relu").input[0] == q.one("Conv").output[0] == "t"
    assert list(q.one("Relu").input) == ["t"]


def test_clip_behind_a_pooling_still_gives_the_convolution_its_exponent():
    model = network(
        [node("Conv", "x w b", "t"), node("MaxPool", "t", "p", kernel_shape=[2, 2]),
         node("Clip", "p lo hi", "y")],
        {"x": (1, 3, 8, 8)}, {"y": (1, 4, 5, 5)},
        {**WEIGHTS, "lo": np.float32(-0.4), "hi": np.float32(0.4)},
    )  # fmt: skip
    _, q = quantize(model)
    exponents = {q.after(q.one(name)) for name in ("Conv", "MaxPool", "Clip")}
    assert exponents == {exponent_by_search(-0.4, 0.4)}


@pytest.mark.parametrize("chip", CHIPS)
def test_bias_fits(chip):
    # Tiny weights would give the bias an exponent at which it needs more bits than there are.
    bits = find_chip(chip).quantized_bias_bits("int8")
    constants = {"w": floats(4, 3, 3, 3, scale=1e-8), "b": np.float32([100, -3, 0, 1])}
    model = network(
        [node("Conv", "x w b", "y")], {"x": (1, 3, 8, 8)}, {"y": (1, 4, 6, 6)}, constants
    )
    _, q = quantize(model, floats(8, 3, 8, 8, scale=1e-4), chip)
    layer = q.one("Conv")
    stored, exponents = q.stored(layer, 2), q.into(layer, 2)
    assert np.abs(stored.astype(np.int64)).max() < 2 ** (bits - 1)
    assert np.allclose(stored * 2.0**exponents, constants["b"], rtol=1e-4, atol=2.0**-10)
    assert q.after(layer) >= np.max(q.into(layer, 0) + q.into(layer, 1))


def test_the_shift_is_never_negative():
    # The bias cancels the product: the output is nearly nothing, far finer than the products.
    constants = {"w": np.ones((1, 1, 1, 1), np.float32), "b": np.float32([-100])}
    model = network(
        [node("Conv", "x w b", "t"), node("Reshape", "t s", "y")],
        {"x": (1, 1, 2, 2)}, {"y": (1, 4)}, {**constants, "s": np.int64([1, 4])},
    )  # fmt: skip
    data = np.full((2, 1, 2, 2), 100, np.float32) + floats(2, 1, 2, 2, scale=1e-4)
    _, q = quantize(model, data)
    layer = q.one("Conv")
    assert q.after(layer) == q.into(layer, 0) + q.into(layer, 1)
    assert q.after(q.one("Reshape")) == q.after(layer)


def test_per_channel_switch():
    _, q = quantize(conv(), chip="esp32p4", per_channel=False)
    assert isinstance(q.into(q.one("Conv"), 1), int)
    _, q = quantize(conv(), chip="esp32p4", per_channel=True)
    assert q.into(q.one("Conv"), 1).shape == (4,)
    with pytest.raises(
        ChipError, match=r"found: per_channel=True for esp32s3; .*esp32p4, esp32s31"
    ):
        quantize(conv(), chip="esp32s3", per_channel=True)


def test_convolution_without_bias_and_transposed_convolution():
    model = network(
        [node("Conv", "x w", "t"), node("ConvTranspose", "t v", "y")],
        {"x": (1, 3, 8, 8)}, {"y": (1, 2, 8, 8)},
        {"w": WEIGHTS["w"], "v": floats(4, 2, 3, 3)},
    )  # fmt: skip
    _, q = quantize(model, chip="esp32p4")
    assert len(q.one("Conv").input) == len(q.one("ConvTranspose").input) == 2
    assert q.into(q.one("Conv"), 1).shape == (4,)
    assert isinstance(q.into(q.one("ConvTranspose"), 1), int)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_is_brought_to_rows_of_output_channels(chip, transposed):
    weight = floats(5, 7)
    constants = {"w": weight if transposed else weight.T, "b": floats(1, 5)}
    gemm = node("Gemm", "x w b", "y", transB=transposed, alpha=0.5, beta=2.0)
    result, q = quantize(network([gemm], {"x": (1, 7)}, {"y": (1, 5)}, constants), chip=chip)
    layer = q.one("Gemm")
    assert {a.name: a.i for a in layer.attribute} == {"transB": 1}
    assert q.stored(layer, 1).shape == (5, 7)
    assert q.stored(layer, 2).shape == (5,)
    x = floats(1, 7)
    expected = 0.5 * x @ weight.T + 2 * constants["b"]
    assert np.abs(run(result.model, {"x": x})["y"] - expected).max() < 0.3


def test_matmul_and_bias_become_gemm():
    nodes = [node("MatMul", "x w", "t"), node("Add", "b t", "u"), node("Relu", "u", "y")]
    constants = {"w": floats(7, 5), "b": floats(5)}
    _, q = quantize(network(nodes, {"x": (1, 7)}, {"y": (1, 5)}, constants))
    assert q.one("Relu").input[0] == q.one("Gemm").output[0] == "u"
    assert q.stored(q.one("Gemm"), 2).dtype == np.int32
    assert not q.all("Add")


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_matmul_of_sequences_keeps_its_bias_in_the_kernel(chip):
    nodes = [node("MatMul", "x w", "t"), node("Add", "t b", "u"), node("Relu", "u", "y")]
    constants = {"w": floats(7, 5), "b": floats(5)}
    _, q = quantize(network(nodes, {"x": (1, 3, 7)}, {"y": (1, 3, 5)}, constants), chip=chip)
    product, add = q.one("MatMul"), q.one("Add")
    assert add.input[0] == product.output[0] == "t"
    assert q.one("Relu").input[0] == add.output[0] == "u"
    assert q.stored(add, 1).dtype == np.int32
    assert q.into(add, 1) == q.into(product, 0) + q.into(product, 1)
    assert isinstance(q.into(product, 1), int)


def test_matmul_of_two_activations():
    nodes = [node("MatMul", "a b", "t"), node("Add", "t c", "y")]
    inputs = {"a": (1, 3, 7), "b": (1, 7, 5)}
    _, q = quantize(network(nodes, inputs, {"y": (1, 3, 5)}, {"c": floats(5)}))
    product, add = q.one("MatMul"), q.one("Add")
    assert q.after(product) >= q.into(product, 0) + q.into(product, 1)
    assert q.into(add, 0) == q.into(add, 1) == q.after(add)
    assert q.stored(add, 1).dtype == np.int8


def test_shared_weights_are_stored_once_per_exponent():
    nodes = [node("Conv", "x w", "t", pads=[1, 1, 1, 1]), node("Conv", "t w", "y")]
    constants = {"w": floats(3, 3, 3, 3)}
    _, q = quantize(network(nodes, {"x": (1, 3, 8, 8)}, {"y": (1, 3, 6, 6)}, constants))
    first, second = q.all("Conv")
    assert first.input[1] == second.input[1]


def test_computed_weights_stay_float():
    model = network(
        [node("Conv", "x w", "y")], {"x": (1, 3, 8, 8), "w": (1, 3, 3, 3)}, {"y": (1, 1, 6, 6)}
    )
    model.graph.node.append(node("Relu", "y", "z"))
    model.graph.output[0].name = "z"
    result, q = quantize(model)
    assert list(q.one("Conv").input) == ["x", "w"]
    assert [left.operator for left in result.report.left_float] == ["Conv"]
    assert q.source(q.one("Relu")).input[0] == "y_quantized"


def test_swish_has_nothing_between_its_two_nodes():
    """x * sigmoid(x) is one table on the chip: what lies between exists nowhere."""
    builder = QdqBuilder()
    x = builder.node("Neg", builder.input("x", [1, 8]))
    sigmoid = builder.node("Sigmoid", x)
    builder.output(builder.node("Mul", sigmoid, x))
    data = np.linspace(-4, 4, 64, dtype=np.float32).reshape(8, 8)
    graph = quantize_onnx(builder.model(), data, measure=False).model.graph
    (product,) = (node for node in graph.node if node.op_type == "Mul")
    makers = {name: node.op_type for node in graph.node for name in node.output}
    assert sorted(makers[name] for name in product.input) == ["DequantizeLinear", "Sigmoid"]
