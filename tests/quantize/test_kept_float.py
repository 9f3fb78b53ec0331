"""Operators that stay float: those that are named, and those around too large numbers."""

import numpy as np
import pytest
from noise import CHIPS, level, quantized, samples
from qdq_networks import Quantized, floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.errors import DataError, EspdlError, ModelError
from tvm_espdl.quantize import quantize_onnx

SIGNAL = (1, 1, 256)
WIDTHS = [pytest.param((), id="int8"), pytest.param("*", id="int16")]


def spectrum():
    """The logarithm of a power spectrum of 16-bit audio; powers reach 1e14."""
    time = np.arange(32)
    angles = 2 * np.pi * np.outer(np.arange(1, 9), time) / 32
    constants = {
        "cosines": 256 * np.cos(angles)[:, np.newaxis],
        "sines": 256 * np.sin(angles)[:, np.newaxis],
        "least": np.float32(1.0),
        "w": floats(4, 8, 3, scale=0.3),
    }
    nodes = [
        node("Conv", "x cosines", "re", strides=[16], name="/stft/re"),
        node("Conv", "x sines", "im", strides=[16], name="/stft/im"),
        node("Mul", "re re", "re2", name="/power/re"),
        node("Mul", "im im", "im2", name="/power/im"),
        node("Add", "re2 im2", "p", name="/power/sum"),
        node("Add", "p least", "q", name="/power/least"),
        node("Log", "q", "l", name="/log"),
        node("Conv", "l w", "y", name="conv"),
    ]
    constants = {name: np.asarray(value, np.float32) for name, value in constants.items()}
    return network(nodes, {"x": SIGNAL}, {"y": (1, 4, 13)}, constants)


def audio():
    return samples({"x": SIGNAL}, scale=6000.0)


@pytest.mark.parametrize("int16", WIDTHS)
def test_what_is_beyond_every_exponent_stays_float(int16):
    result = quantized(spectrum(), audio(), "esp32s3", int16=int16)
    left = {row.name: row.reason for row in result.report.left_float}
    assert left.keys() == {"/power/re", "/power/im", "/power/sum", "/power/least", "/log"}
    assert all("beyond every exponent" in reason for reason in left.values())
    assert level(spectrum(), audio(), "esp32s3", int16=int16) > (60 if int16 else 20)


@pytest.mark.parametrize("int16", WIDTHS)
def test_a_front_end_that_is_named_stays_float(int16):
    options = {"float": ["/stft/*", "/power/*", "l"], "int16": int16}
    result = quantized(spectrum(), audio(), "esp32p4", **options)
    left = {row.name: row.reason for row in result.report.left_float}
    assert len(left) == 7
    assert set(left.values()) == {"it was asked for"}
    q = Quantized(result.model)
    assert q.all("Conv")[0].input[0] == "x"
    assert level(spectrum(), audio(), "esp32p4", **options) > (60 if int16 else 32)


def test_layers_between_integers_stay_float():
    """Exactly those that are named: a Relu that would join the convolution before it does not."""
    nodes = [
        *(node("Conv", "x w", "a", name="conv"), node("Relu", "a", "b", name="relu")),
        *(node("Conv", "b v", "c", name="last"), node("Tanh", "c", "y", name="tanh")),
    ]
    constants = {"w": floats(4, 1, 3, seed=1), "v": floats(4, 4, 3, seed=2)}
    model = network(nodes, {"x": SIGNAL}, {"y": (1, 4, 252)}, constants)
    data = samples({"x": SIGNAL})
    for named, number in (("conv", 1), (["last"], 1), ("*t*", 2), (["relu", "c"], 2)):
        result = quantized(model, data, "esp32s3", float=named)
        assert len(result.report.left_float) == number, named
        assert level(model, data, "esp32s3", float=named) > 26, named


@pytest.mark.parametrize("kind", ["Conv", "MatMul"])
def test_weights_without_elements(kind):
    """Nothing is computed of them, so there is nothing to quantize."""
    empty = np.zeros((0, 4, 3) if kind == "Conv" else (5, 0), np.float32)
    nodes = [
        node("Conv", "x w", "a", name="first"),
        node(kind, "a e" if kind == "Conv" else "x5 e", "b", name="empty"),
    ]
    inputs = {"x": SIGNAL} if kind == "Conv" else {"x": SIGNAL, "x5": (1, 5)}
    length = SIGNAL[-1] - 2
    outputs = {"a": (1, 4, length), "b": (1, 0, length - 2) if kind == "Conv" else (1, 0)}
    model = network(nodes, inputs, outputs, {"w": floats(4, 1, 3), "e": empty})
    result = quantized(model, samples(inputs), "esp32s3")
    reasons = {row.name: row.reason for row in result.report.left_float}
    assert reasons["empty"] == "its weights have no elements"


def test_names_that_fit_nothing_are_refused_and_those_that_are_float_already_are_not():
    nodes = [node("Erf", "x", "a", name="erf"), node("Tanh", "a", "y", name="tanh")]
    model = network(nodes, {"x": SIGNAL}, {"y": SIGNAL})
    with pytest.raises(EspdlError, match=r"option float.*no such layer.*'tahn'.*'tanh'"):
        quantized(model, samples({"x": SIGNAL}), "esp32s3", float="tahn")
    report = quantized(model, samples({"x": SIGNAL}), "esp32s3", float="erf").report
    assert [row.reason for row in report.left_float] == ["no rule quantizes this operator"]
    with pytest.raises(ModelError, match=r"no operator that can be quantized.*asked for"):
        quantized(model, samples({"x": SIGNAL}), "esp32s3", float="*")


def test_a_network_of_nothing_else_is_refused_with_the_range():
    model = network([node("Neg", "x", "y")], {"x": SIGNAL}, {"y": SIGNAL})
    with pytest.raises(DataError, match="values too large for any exponent"):
        quantized(model, samples({"x": SIGNAL}, scale=1e20), "esp32s3")


def powers():
    """The logarithm of powers over seven decades, more than 16 bits hold."""
    nodes = [
        node("Conv", "x w", "a", name="front"),
        *(node("Mul", "a a", "p", name="power"), node("Add", "p least", "q", name="floor")),
        *(node("Log", "q", "l", name="log"), node("Conv", "l v", "y", name="last")),
    ]
    constants = {"w": floats(8, 4, 3, 3), "v": floats(8, 8, 1, 1), "least": np.float32(1e-3)}
    return network(nodes, {"x": (1, 4, 8, 8)}, {"y": (1, 8, 6, 6)}, constants)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_automatic_choice_keeps_layers_float_where_int16_does_not_reach(chip):
    data = samples({"x": (1, 4, 8, 8)}, scale=30.0)
    options = {"int16": "auto", "wanted_snr": 45.0}
    report = quantized(powers(), data, chip, **options).report
    tradeoff = report.tradeoff
    assert tradeoff.reached, str(tradeoff)
    assert tradeoff.floats, str(tradeoff)
    assert {row.name for row in report.left_float} == set(tradeoff.floats)
    assert {row.reason for row in report.left_float} == {"the wanted accuracy needs it"}
    assert "(float)" in str(tradeoff)
    assert all(step.extra_cycles > 0 for step in tradeoff.steps[1:])
    # With the chip's bits, on samples that nothing has seen; and int16 alone does not reach it.
    assert level(powers(), data, chip, **options) > 42
    assert level(powers(), data, chip, int16="*") < 40
    # What may not cost so much is not taken.
    told = quantized(powers(), data, chip, budget=0.2, **options).report.tradeoff
    assert not told.reached
    assert all(told.share(step.extra_cycles) <= 0.2 for step in told.steps)


def test_on_the_command_line(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.concatenate([x["x"] for x in audio()]))
    (tmp_path / "model.onnx").write_bytes(spectrum().SerializeToString())
    command = ["quantize", "--input_model", str(tmp_path / "model.onnx"), "--no_measure"]
    command += ["--output_model", str(tmp_path / "q.onnx")]
    command += ["--calibrate_dataset", str(tmp_path / "x.npy")]
    assert main([*command, "--float", "/stft/*", "--float", "/power/*", "--float", "/log"]) == 0
    assert "because it was asked for" in capsys.readouterr().out
    expected = quantize_onnx(
        tmp_path / "model.onnx",
        tmp_path / "x.npy",
        float=["/stft/*", "/power/*", "/log"],
        measure=False,
    )
    assert (tmp_path / "q.onnx").read_bytes() == expected.model.SerializeToString()
