"""Models of the old flow's quantizer: QLinearConv, an int8 Add of the bias, an int8 Relu."""

import warnings

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl import relay
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.ops.base.rounding import shift_and_round

SEED, CHANNELS, SHIFT = 47, 6, 7
IMAGE = (1, 4, 6, 5)


def network(w, bias, *, opset=14, bias_first=False, scale_of_y=-3, relu=True, own=None):
    """`x` is quantized at 1/16, w at 1/64; the result, by default, at 1/8: a shift by 7 bits."""
    constants = {
        "sx": np.float32(2.0**-4), "sw": np.float32(2.0**-6), "z": np.int8(0), "w": w, "b": bias,
        "sy": np.float32(2.0**scale_of_y),
    }  # fmt: skip
    extra = []
    if own is not None:
        constants["own"], extra = own, ["own"]
    add = ["b", "t"] if bias_first else ["t", "b"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "sx", "z", "w", "sw", "z", "sy", "z", *extra],
                         ["t"], name="conv", pads=[1] * 4),
        helper.make_node("Add", add, ["a"], name="add"),
        helper.make_node("Relu" if relu else "Identity", ["a"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "sy", "z"], ["y"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "old",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, CHANNELS, *IMAGE[2:]))],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def sums(x, w):
    """What the convolution adds up of integers."""
    padded = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    found = np.zeros((1, len(w), *IMAGE[2:]), np.int64)
    for i, j in np.ndindex(3, 3):
        part = padded[:, :, i : i + IMAGE[2], j : j + IMAGE[3]]
        found += np.einsum("nchw,oc->nohw", part, w[:, :, i, j].astype(np.int64))
    return found


def drawn(limit):
    rng = np.random.default_rng(SEED)
    w = rng.integers(-limit, limit + 1, (CHANNELS, 4, 3, 3)).astype(np.int8)
    bias = rng.integers(-60, 61, (CHANNELS, 1, 1)).astype(np.int8)
    x = (rng.integers(-128, 128, IMAGE) / 16).astype(np.float32)
    return w, bias, x


@pytest.mark.parametrize(
    ("chip", "options"),
    [
        ("esp32s3", {}),
        ("esp32p4", {"bias_first": True, "opset": 17}),
        ("esp32", {"relu": False, "opset": 13}),
        ("esp32s3", {"own": np.arange(CHANNELS, dtype=np.int32) * 40 - 99}),
    ],
)
def test_the_add_is_the_bias_of_the_convolution(chip, options):
    """Where the convolution alone stays within 8 bits, the old flow's clip changes nothing."""
    w, bias, x = drawn(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", EspdlWarning)
        mod, _ = relay.frontend.from_onnx(network(w, bias, **options))
    library = relay.build(mod, target=f"espressif/{chip}")
    kinds = [step.operator.name for step in library.program.steps]
    assert [kind for kind in kinds if kind not in ("quantize", "dequantize", "transpose")] == [
        "conv2d"
    ]
    total = sums(x * 16, w) + bias.astype(np.int64) * 2**SHIFT
    if "own" in options:
        total = total + options["own"].reshape(-1, 1, 1)
    wanted = np.clip(shift_and_round(total, SHIFT, library.chip), -128, 127)
    wanted = np.maximum(wanted, 0) if options.get("relu", True) else wanted
    np.testing.assert_array_equal(library(x) * 8, wanted)


def test_what_the_clip_in_between_may_have_changed_is_said():
    w, bias, x = drawn(90)
    channels = int((np.abs(bias) > 0).sum())
    said = rf"in {channels} of {CHANNELS} channels .* at most {np.abs(bias).max()} steps"
    with pytest.warns(EspdlWarning, match=said):
        mod, _ = relay.frontend.from_onnx(network(w, bias, relu=False))
    library = relay.build(mod, target="espressif/esp32p4")
    # That it is said is not for nothing: the old flow's clip shows on this input.
    alone = np.clip(shift_and_round(sums(x * 16, w), SHIFT, library.chip), -128, 127)
    old = np.clip(alone + bias.astype(np.int64), -128, 127)
    difference = np.abs(library(x) * 8 - old)
    assert 0 < difference.max() <= np.abs(bias).max()


def test_an_add_that_is_no_bias_is_an_operator_of_its_own():
    """The products' step is not a whole part of the result's, or each pixel has its own summand."""
    w, bias, x = drawn(3)
    fine = relay.build(relay.frontend.from_onnx(network(w, bias, scale_of_y=-12))[0])
    whole = np.random.default_rng(SEED).integers(-9, 9, (1, CHANNELS, *IMAGE[2:])).astype(np.int8)
    pixels = relay.build(relay.frontend.from_onnx(network(w, whole))[0], target="espdl")
    for library in (fine, pixels):
        assert "add" in {step.operator.name for step in library.program.steps}
    alone = np.clip(shift_and_round(sums(x * 16, w), SHIFT, pixels.chip), -128, 127)
    np.testing.assert_array_equal(pixels(x) * 8, np.clip(alone + whole, 0, 127))


def test_integers_with_another_zero_are_not_added():
    model = network(*drawn(3)[:2])
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = "z2" if name == "z" and node.op_type != "QLinearConv" else name
        if node.op_type == "QLinearConv":
            node.input[2], node.input[7] = "z2", "z2"
    model.graph.initializer.append(numpy_helper.from_array(np.int8(3), "z2"))
    with pytest.raises(ModelError, match="computes on quantized integers directly"):
        relay.frontend.from_onnx(model)
