"""Options that name things take one name as a str, and what are no names is refused."""

import itertools

import numpy as np
import pytest
from onnx import numpy_helper
from qdq_networks import PLAIN, floats, network, node

from tvm_espdl.errors import ChipError, EspdlError, ModelError
from tvm_espdl.quantize import preprocess_onnx, preprocess_with_report, quantize_onnx

DATA = floats(8, 4, 6, 6)
NODES = [node("Identity", "x", "i"), node("Conv", "i w b", "c"), node("Relu", "c", "r")]
WEIGHTS = {"w": floats(4, 4, 3, 3), "b": floats(4)}


def model(weights=WEIGHTS, last="AveragePool", **attributes):
    nodes = [*NODES, node(last, "r", "y", **attributes or {"kernel_shape": [2, 2]})]
    return network(nodes, {"x": ("N", 4, 6, 6)}, {"y": ("N", 4, None, None)}, weights)


def kinds(prepared):
    return [n.op_type for n in prepared.graph.node]


@pytest.mark.parametrize("listed", [False, True], ids=["str", "list"])
def test_one_step_of_preprocessing(listed):
    skip, enable = "remove_no_ops", "average_pool_to_conv"
    if listed:
        skip, enable = [skip], [enable]
    assert kinds(preprocess_onnx(model(), skip=skip)) == ["Identity", "Conv", "Relu", "AveragePool"]
    prepared, report = preprocess_with_report(model(), enable=enable)
    assert kinds(prepared) == ["Conv", "Relu", "Conv"]
    assert dict(report.steps)["average_pool_to_conv"] == 1


def test_one_name_is_the_same_as_a_list_of_it():
    for option, name in (
        ("skip", "remove_no_ops"),
        ("enable", "average_pool_to_conv"),
        ("recover", "bias"),
        ("int16", "c"),
    ):
        settings = {**PLAIN, "hold_out": 4}
        plain = quantize_onnx(model(), DATA, **settings).model
        one = quantize_onnx(model(), DATA, **{**settings, option: name}).model
        several = quantize_onnx(model(), DATA, **{**settings, option: {name}}).model
        assert one == several
        # Bias correction may find nothing to gain; that it ran is what its report says.
        assert (one != plain) or option == "recover"
    result = quantize_onnx(model(), DATA, **{**PLAIN, "hold_out": 4, "recover": "bias"})
    assert "bias" in str(result.report)


@pytest.mark.parametrize("option", ["skip", "enable"])
def test_an_unknown_name_is_not_taken_apart(option):
    with pytest.raises(ModelError, match=f"option {option}: .*found: 'fuse'"):
        preprocess_onnx(model(), **{option: "fuse"})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *itertools.product(["skip", "enable", "recover", "int16"], [3, [3], b"bias", [None]]),
        *((option, None) for option in ("skip", "enable", "int16")),  # None recovers by default
    ],
)
def test_what_are_no_names(option, value):
    with pytest.raises(EspdlError, match=rf"option {option}: names are expected; .*{option}=\(\)"):
        quantize_onnx(model(), DATA, **{**PLAIN, option: value})


@pytest.mark.parametrize("value", [1, -4, 2.5, "4"])
def test_hold_out_is_a_whole_number(value):
    with pytest.raises(EspdlError, match=r"option hold_out: .*allowed: 0 .*try: hold_out=4"):
        quantize_onnx(model(), DATA, **{**PLAIN, "hold_out": value})


@pytest.mark.parametrize("value", [None, b"onnx", object()])
def test_what_is_no_model(value):
    with pytest.raises(ModelError, match=r"unknown kind; found: .*ModelProto; .*load_from_string"):
        quantize_onnx(value, DATA)


@pytest.mark.parametrize("value", [None, 3])
def test_what_is_no_chip(value):
    with pytest.raises(ChipError, match=f"unknown chip; found: {value}; .*try: esp32s3"):
        quantize_onnx(model(), DATA, value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("w", np.nan, "(Conv), tensor 'w'.*found: 1 NaN and 0 infinite of 144"),
        ("b", np.inf, "(Conv), tensor 'b'.*found: 0 NaN and 1 infinite of 4"),
    ],
)
def test_weights_that_are_not_finite(name, value, words):
    """The weights are to blame, and not the calibration data."""
    weights = {key: array.copy() for key, array in WEIGHTS.items()}
    weights[name].flat[1] = value
    with pytest.raises(ModelError, match=words.replace("(Conv)", r"\(Conv\)")):
        quantize_onnx(model(weights), DATA)


def test_infinite_bounds_are_no_weights():
    bounds = {"low": np.float32(-np.inf), "high": np.float32(6)}
    nodes = [node("Conv", "x w b", "c"), node("Clip", "c low high", "y")]
    clipped = network(nodes, {"x": ("N", 4, 6, 6)}, {"y": ("N", 4, 4, 4)}, {**WEIGHTS, **bounds})
    written = quantize_onnx(clipped, DATA, **PLAIN).model
    assert "Conv" in [made.op_type for made in written.graph.node]
    scales = [
        numpy_helper.to_array(t) for t in written.graph.initializer if t.name.endswith("scale")
    ]
    assert scales and all(np.isfinite(scale).all() for scale in scales)


def test_none_is_no_step():
    kept = quantize_onnx(model(), DATA, **{**PLAIN, "recover": "none"})
    assert kept.model == quantize_onnx(model(), DATA, **{**PLAIN, "recover": ()}).model


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["all", "roundin"], "unknown step of recovery; .*'roundin'.*try: 'rounding'"),
        (["all", "none"], "steps of recovery, and none"),
        (["none", "bias"], "steps of recovery, and none"),
    ],
)
def test_all_and_none_swallow_nothing(names, found):
    with pytest.raises(EspdlError, match=found):
        quantize_onnx(model(), DATA, **{**PLAIN, "recover": names})


@pytest.mark.parametrize("goal", [{"wanted_snr": "30"}, {"budget": True}, {"budget": 0.0}])
def test_goals_are_numbers_above_0(goal):
    with pytest.raises(EspdlError, match="not a number above 0"):
        quantize_onnx(model(), DATA, **{**PLAIN, "int16": "auto", **goal})
