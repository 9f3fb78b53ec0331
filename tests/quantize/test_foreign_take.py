"""Models that others quantized, from the file to what becomes of them."""

from functools import partial

import numpy as np
import onnx
import pytest
from foreign_networks import (
    MICROSOFT,
    Qdq,
    by_onnxruntime,
    operators,
    quantization,
    run,
    with_pairs,
)
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.chips import CHIPS, find_chip
from tvm_espdl.errors import ChipError, ModelError
from tvm_espdl.quantize.foreign import (
    inspect_quantized,
    measure_requantization,
    nearest_exponent,
    strip_quantization,
    take_as_is,
)
from tvm_espdl.version import __version__

SEED = 76
RNG = np.random.default_rng(SEED)
U8, S8 = quantization.QuantType.QUInt8, quantization.QuantType.QInt8


def network(scale=0.25):
    net = Qdq()
    x = net.pair(net.input("x", (1, 8)), scale, np.int8(0))
    w = net.dequantize(net.constant(np.eye(8, 5, dtype=np.int8)), 0.5, np.int8(0))
    net.pair(net.node("MatMul", x, w), 0.25, np.int8(0), output="y")
    return net.model("y")


def metadata(model):
    return {entry.key: entry.value for entry in model.metadata_props}


@pytest.mark.parametrize("chip", sorted(CHIPS))
def test_the_metadata_name_the_chip(chip):
    record = find_chip(chip)
    wanted = {
        "espdl.chip": record.name,
        "espdl.rounding": record.rounding,
        "espdl.version": __version__,
    }
    assert metadata(take_as_is(network(), chip)) == wanted
    assert metadata(take_as_is(network(), record)) == wanted


def test_other_metadata_stay_and_ours_are_replaced():
    model = network()
    model.metadata_props.add(key="author", value="others")
    model.metadata_props.add(key="espdl.chip", value="esp32p4")
    before = model.SerializeToString()
    taken = take_as_is(model, "esp32s3")
    assert model.SerializeToString() == before
    assert metadata(taken)["author"] == "others"
    assert metadata(taken)["espdl.chip"] == "esp32s3"
    assert taken.graph.node == model.graph.node
    assert taken.graph.initializer == model.graph.initializer
    again = take_as_is(model, "esp32s3")
    assert taken.SerializeToString() == again.SerializeToString()
    feed = {"x": RNG.normal(size=(1, 8)).astype(np.float32)}
    np.testing.assert_array_equal(run(taken, feed)["y"], run(model, feed)["y"])


def test_files_are_read_and_left(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(network(), path)
    before = path.read_bytes()
    take_as_is(path, "esp32s3")
    strip_quantization(path)
    assert path.read_bytes() == before


def test_operators_on_integers_are_taken_as_qdq():
    first = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])
    inputs = ["q", "s", "z", "q", "s", "z", "t", "z"]
    add = helper.make_node("QLinearAdd", inputs, ["y_q"], "add", domain=MICROSOFT)
    last = helper.make_node("DequantizeLinear", ["y_q", "t", "z"], ["y"])
    constants = {"s": np.float32(0.25), "t": np.float32(0.5), "z": np.int8(0)}
    graph = helper.make_graph(
        [first, add, last],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    taken = take_as_is(model, "esp32s3")
    assert operators(taken).count("Add") == 1
    feed = {"x": RNG.normal(size=(1, 8)).astype(np.float32)}
    np.testing.assert_array_equal(run(taken, feed)["y"], run(model, feed)["y"])


def test_refusals():
    with pytest.raises(ModelError, match=r"tensor 'x'.*scale 0.3\d* and.*try: .*--requantize"):
        take_as_is(network(0.3), "esp32s3")
    with pytest.raises(ChipError, match="esp32s9"):
        take_as_is(network(), "esp32s9")
    stripped = strip_quantization(network()).model
    with pytest.raises(ModelError, match="not quantized"):
        take_as_is(stripped, "esp32s3")


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize(
    "types", [(U8, S8, True), (U8, U8, False), (S8, S8, True)], ids=["u8s8", "u8u8", "s8s8"]
)
def test_digits_on_held_out_samples(form, types, tmp_path, models_dir):
    """Requantized with the nearest exponents, digits_cnn answers as the original does."""
    folder = models_dir / "float"
    test = np.load(folder / "digits_cnn.test.npz")
    images, calibration = test["x_test"], test["x_calib"]
    model = onnx.load(folder / "digits_cnn.onnx")
    name = model.graph.input[0].name
    original = by_onnxruntime(
        *(model, calibration, tmp_path, form, name),
        **dict(zip(("activation_type", "weight_type", "per_channel"), types, strict=True)),
    )
    assert inspect_quantized(original).can_be_requantized
    stripped = strip_quantization(original)
    exponents = {n: nearest_exponent(*r, 8) for n, r in stripped.ranges.items()}
    requantized = with_pairs(stripped.model, exponents)
    loss = measure_requantization(
        original, partial(run, requantized), ({name: i[None]} for i in images[:200])
    )
    assert loss.samples == 200
    assert loss.outputs[0].agreement >= 0.98, str(loss)
    assert loss.outputs[0].snr > 20, str(loss)
