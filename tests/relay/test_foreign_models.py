"""Models that others quantized, at the compiler's door: taken, or refused with the offer."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from qdq_product import assert_same, on_tvm, operators_of
from tvm import relay

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.qlinear.rewrite import rewrite_qlinear

SEED = 77
RNG = np.random.default_rng(SEED)
MICROSOFT = "com.microsoft"
IMAGE, ZERO = (1, 4, 8, 8), np.int8(0)


def integer_network(scales=None, zero=ZERO):
    """Convolution, sum with itself and pool on integers, as onnxruntime writes them."""
    scales = {"xs": 2**-5, "ws": 2**-7, "cs": 2**-4, "as": 2**-3, "ms": 2**-4, **(scales or {})}
    make = helper.make_node
    nodes = [
        make("QuantizeLinear", ["x", "xs", "z"], ["x_q"], "first"),
        make("QLinearConv", ["x_q", "xs", "z", "w", "ws", "wz", "cs", "z", "b"], ["c_q"], "conv"),
        make("MaxPool", ["c_q"], ["p_q"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        make(
            *("QLinearAdd", ["p_q", "cs", "z", "p_q", "cs", "z", "as", "z"], ["a_q"], "add"),
            domain=MICROSOFT,
        ),
        make(
            *("QLinearGlobalAveragePool", ["a_q", "as", "z", "ms", "z"], ["m_q"], "mean"),
            domain=MICROSOFT,
            channels_last=0,
        ),
        make("DequantizeLinear", ["m_q", "ms", "z"], ["y"], "last"),
    ]
    constants = {
        **{name: np.float32(scale) for name, scale in scales.items()},
        "z": zero,
        "wz": np.int8(0),
        "w": RNG.integers(-40, 41, (6, 4, 3, 3)).astype(np.int8),
        "b": RNG.integers(-999, 1000, 6).astype(np.int32),
    }
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *IMAGE[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 6, 1, 1])],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_operators_on_integers_run_on_esp_dl(chip):
    model = integer_network()
    before = model.SerializeToString()
    module, _ = relay.frontend.from_onnx(model)
    assert model.SerializeToString() == before
    lib = relay.build(module, target=f"espressif/{chip}")
    assert not on_tvm(lib), str(lib.report())
    for operator in ("conv2d", "max_pool2d", "add", "average_pool2d"):
        assert operator in operators_of(lib), str(lib.report())
    other, _ = relay.frontend.from_onnx(rewrite_qlinear(model))
    same = relay.build(other, target=f"espressif/{chip}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    for sample in RNG.normal(size=(8, *IMAGE)).astype(np.float32):
        assert_same(lib, sample)
        result = lib(sample)
        np.testing.assert_array_equal(result, same(sample))
        # Ties go up on some chips and to even in onnxruntime: one step of the sum at the most.
        (wanted,) = session.run(None, {"x": sample})
        assert np.abs(result - wanted).max() <= 2**-3, f"seed {SEED}"


def test_the_report_names_the_operators_as_the_model_does():
    module, _ = relay.frontend.from_onnx(integer_network())
    report = str(relay.build(module, target="espressif/esp32s3").report())
    for name in ("conv", "pool", "add", "mean"):
        assert any(line.startswith(name + " ") for line in report.splitlines()), report


def test_a_file_with_operators_on_integers(tmp_path):
    onnx.save(integer_network(), tmp_path / "model.onnx")
    assert not on_tvm(compile_file(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scales": {"cs": 0.03}}, r"no power of two.*scale 0.0299999993.*--requantize"),
        ({"zero": np.int8(5)}, r"zero point is not zero.*zero point 5.*--requantize"),
    ],
)
def test_other_scales_are_refused_with_the_offer(changes, message):
    module, _ = relay.frontend.from_onnx(integer_network(**changes))
    with pytest.raises(ModelError, match=message):
        relay.build(module, target="espressif/esp32s3")


def test_unsigned_types_are_refused_with_the_offer():
    make = helper.make_node
    nodes = [
        make("QuantizeLinear", ["x", "s", "z"], ["q"], "q"),
        make("DequantizeLinear", ["q", "s", "z"], ["y"], "dq"),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, IMAGE)],
        [
            numpy_helper.from_array(np.array(0.5, np.float32), "s"),
            numpy_helper.from_array(np.array(0, np.uint8), "z"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match=r"type is not supported.*uint8.*--requantize"):
        compile_file(model)


@pytest.mark.parametrize("operator", ["DynamicQuantizeLinear", "MatMulInteger"])
def test_scales_of_run_time_are_refused_by_name(operator):
    nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], "dynamic")]
    if operator == "MatMulInteger":
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s"], ["q"], "first"),
            helper.make_node("MatMulInteger", ["q", "q"], ["i"], "product"),
        ]
    name, dtype = ("i", TensorProto.INT32) if len(nodes) > 1 else ("q", TensorProto.UINT8)
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 4])],
        [helper.make_tensor_value_info(name, dtype, [4, 4])],
        [numpy_helper.from_array(np.array(0.5, np.float32), "s")] if len(nodes) > 1 else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ModelError, match=rf"at run time.*found: {operator}.*tvm-espdl quantize"):
        relay.frontend.from_onnx(model)
