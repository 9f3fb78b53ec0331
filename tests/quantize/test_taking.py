"""What is quantized already: wishes without effect, biases beyond the field, honest reports."""

import json

import numpy as np
import pytest
from foreign_networks import Qdq
from qdq_networks import floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlError, EspdlWarning
from tvm_espdl.quantize import quantize_onnx

CHANNELS = 16


def with_bias(values, exponent=-14, dtype=np.int8):
    """A convolution whose weights are zero: its output is its bias."""
    net = Qdq()
    x = net.pair(net.input("x", (1, 3, 4, 4)), 2.0**-6, dtype(0))
    weights = np.zeros((CHANNELS, 3, 1, 1), dtype)
    w = net.dequantize(net.constant(weights), 2.0**-8, dtype(0))
    b = net.dequantize(net.constant(np.asarray(values, np.int32)), 2.0**exponent, np.int32(0))
    net.pair(net.node("Conv", x, w, b), 0.5, dtype(0), output="y")
    return net.model("y")


def biases(*values):
    return [*values, *[0] * (CHANNELS - len(values))]


@pytest.mark.parametrize(
    ("model", "wide"),
    [
        (with_bias(biases(2**19 - 1, -(2**19))), 0),
        (with_bias(biases(2**19, -(2**19) - 1, 7)), 2),
        # At a coarser exponent than the products, a bias is shifted up before it is added.
        (with_bias(biases(2**17, -(2**17), 2**17 - 1), exponent=-12), 1),
        (with_bias(biases(2**30), dtype=np.int16), 0),
    ],
    ids=["edges", "beyond", "shifted", "int16"],
)
def test_biases_beyond_the_field_are_named(model, wide):
    warnings = quantize_onnx(model, None, "esp32s3").report.warnings
    assert len(warnings) == bool(wide)
    if wide:
        assert f"{wide} of 16 values of its bias" in warnings[0]
        assert "do not fit the 20 bits that the kernels of esp32s3 keep" in warnings[0]
    for chip in ("esp32", "esp32p4"):
        assert quantize_onnx(model, None, chip).report.warnings == ()


def test_the_bias_that_is_warned_of_does_wrap():
    model = with_bias(biases(2**19, 2**19 - 1))
    x = np.zeros((1, 3, 4, 4), np.float32)
    s3, p4 = (compile_file(model, chip)(x)[0, :2, 0, 0] for chip in ("esp32s3", "esp32p4"))
    np.testing.assert_array_equal(p4, [32.0, 32.0])
    np.testing.assert_array_equal(s3, [-32.0, 32.0])


def taken():
    return with_bias(biases(1))


@pytest.mark.parametrize(
    "wish",
    [
        {"int16": "conv"},
        {"recover": "all"},
        {"activations": "kl"},
        {"weights": "minmax"},
        {"skip": "fold_constants"},
        {"per_channel": False},
        {"hold_out": 4},
        {"measure": "all"},
    ],
    ids=lambda wish: next(iter(wish)),
)
def test_wishes_without_effect_are_named(wish):
    (name,) = wish
    with pytest.warns(EspdlWarning, match=rf"taken as it is; without effect: {name}$"):
        result = quantize_onnx(taken(), None, "esp32s3", **wish)
    assert result.model == quantize_onnx(taken(), None, "esp32s3").model


def test_data_without_effect_are_named():
    with pytest.warns(EspdlWarning, match="without effect: calibration"):
        quantize_onnx(taken(), floats(8, 3, 4, 4), "esp32s3")


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({"activations": "bogus"}, "'bogus'"),
        ({"weights": "bogus"}, "'bogus'"),
        ({"recover": "roundng"}, "'roundng'.*try: 'rounding'"),
        ({"skip": "fuse"}, "'fuse'"),
        ({"enable": "fuse"}, "'fuse'"),
        ({"wanted_snr": 30.0}, "wanted_snr"),
    ],
)
def test_names_are_checked_whatever_the_model_is(wish, found):
    with pytest.raises(EspdlError, match=found):
        quantize_onnx(taken(), None, "esp32s3", **wish)


def foreign():
    net = Qdq()
    x = net.pair(net.input("x", (1, 8)), 0.3, np.int8(0))
    w = net.dequantize(net.constant(np.eye(8, 5, dtype=np.int8)), 0.5, np.int8(0))
    net.pair(net.node("MatMul", x, w), 0.7, np.int8(0), output="y")
    return net.model("y")


def test_the_report_says_what_requantizing_was_done_with():
    result = quantize_onnx(foreign(), None, "esp32s3", activations="kl", requantize=True)
    text, content = str(result.report), json.loads(result.report.to_json())
    assert "activations: nearest to the given scales" in text
    assert "weights: minmax" in text
    assert "no calibration data: the samples are random inputs" in text
    assert str(result.loss) in text
    assert content["loss"]["outputs"][0]["name"] == "y"
    assert "on 32 random inputs" in result.report.to_html()
    data = quantize_onnx(foreign(), floats(16, 8), "esp32s3", requantize=True)
    assert "weights: output" in str(data.report)
    assert "random" not in str(data.report)


@pytest.mark.parametrize("reduction", ["ReduceMax", "ReduceMean"])
def test_tensors_without_axes_are_measured(reduction):
    nodes = [
        node("Conv", "x w", "c"),
        node(reduction, "c", "m", keepdims=0),
        node("Add", "c m", "y"),
    ]
    shape = (1, 4, 6, 6)
    model = network(nodes, {"x": (1, 3, 6, 6)}, {"y": shape}, {"w": floats(4, 3, 1, 1)})
    report = quantize_onnx(model, floats(8, 3, 6, 6, seed=3), "esp32s3").report
    assert report.unmeasured == ""
    assert report.accuracy.snr > 25
    assert {row.name: row.own for row in report.rows}["m"] is not None


def test_none_beside_steps_is_refused(tmp_path, capsys):
    assert main(["quantize", "--input_model", "m.onnx", "--output_model", str(tmp_path / "q.onnx"),
                 "--recover", "none", "--recover", "bias"]) == 2  # fmt: skip
    assert "steps of recovery, and none" in capsys.readouterr().err


def test_why_nothing_can_be_quantized():
    rng = np.random.default_rng(4)
    constants = {
        "w": rng.normal(size=(1, 12, 3)).astype(np.float32),
        "r": rng.normal(size=(1, 12, 4)).astype(np.float32),
    }
    made = node("GRU", "x w r", "y", hidden_size=4, direction="reverse", linear_before_reset=1)
    model = network([made], {"x": (5, 1, 3)}, {"y": (5, 1, 1, 4)}, constants)
    with pytest.raises(EspdlError, match=r"GRU \(ESP-DL runs a reverse layer forward"):
        quantize_onnx(model, rng.normal(size=(8, 5, 1, 3)).astype(np.float32), "esp32s3")
