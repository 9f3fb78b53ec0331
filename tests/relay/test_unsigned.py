"""uint8 around 128 is int8: the same bits as the same network in int8."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ModelError
from tvm_espdl.program import Native
from tvm_espdl.quantize.foreign import inspect_quantized


def network(kind, zero, *, per_channel=False):
    """Quantize, a convolution with quantized weights, quantize; scales are powers of two."""
    rng = np.random.default_rng(9)
    weights = rng.integers(-128, 128, (4, 3, 3, 3))
    scale = np.full(4, 2.0**-6, np.float32) if per_channel else np.array(2.0**-6, np.float32)
    constants = {
        "w": (weights + zero).astype(kind),
        "b": rng.integers(-500, 500, 4).astype(np.int32),
        "sx": np.array(2.0**-5, np.float32),
        "sw": scale,
        "sb": (scale * 2.0**-5).astype(np.float32),
        "sy": np.array(2.0**-2, np.float32),
        "z": np.array(zero, kind),
        "zw": np.full(scale.shape, zero, kind),
    }
    channels = {"axis": 0} if per_channel else {}
    make = helper.make_node
    nodes = [
        make("QuantizeLinear", ["x", "sx", "z"], ["xq"]),
        make("DequantizeLinear", ["xq", "sx", "z"], ["xd"]),
        make("DequantizeLinear", ["w", "sw", "zw"], ["wd"], **channels),
        make("DequantizeLinear", ["b", "sb"], ["bd"], **channels),
        make("Conv", ["xd", "wd", "bd"], ["a"]),
        make("QuantizeLinear", ["a", "sy", "z"], ["aq"]),
        make("DequantizeLinear", ["aq", "sy", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 4, 4])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


@pytest.mark.parametrize("per_channel", [False, True])
def test_uint8_around_128_has_the_bits_of_int8(per_channel):
    x = (3 * np.random.default_rng(1).normal(size=(1, 3, 6, 6))).astype(np.float32)
    found, expected = (
        compile_file(network(kind, zero, per_channel=per_channel), "esp32p4")
        for kind, zero in ((np.uint8, 128), (np.int8, 0))
    )
    np.testing.assert_array_equal(found.run([x])[0], expected.run([x])[0])
    names = [[step.operator.name for step in lib.program.steps] for lib in (found, expected)]
    assert names[0] == names[1] and "conv2d" in names[0]


@pytest.mark.parametrize(("kind", "zero"), [(np.uint8, 128), (np.uint16, 1 << 15)])
def test_inputs_and_outputs_of_unsigned_type(kind, zero):
    """A Relu of integers; the chip has the signed ones."""
    constants = {"s": np.array(2.0**-5, np.float32), "z": np.array(zero, kind)}
    make = helper.make_node
    nodes = [
        make("DequantizeLinear", ["x", "s", "z"], ["a"]),
        make("Relu", ["a"], ["b"]),
        make("QuantizeLinear", ["b", "s", "z"], ["y"]),
        make("DequantizeLinear", ["y", "s", "z"], ["c"]),
        make("Neg", ["c"], ["d"]),
        make("QuantizeLinear", ["d", "s", "z"], ["e"]),
    ]
    type_ = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    values = [helper.make_tensor_value_info(n, type_, [1, 2, 8]) for n in "xye"]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "network", values[:1], values[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert inspect_quantized(model).is_ours
    lib = compile_file(model)
    names = [step.operator.name for step in lib.program.steps if not is_native(step)]
    assert names == ["relu", "neg"], str(lib.report())
    x = np.random.default_rng(2).integers(0, 2 * zero, (1, 2, 8)).astype(kind)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for found, expected in zip(lib.run([x]), session.run(None, {"x": x}), strict=True):
        assert found.dtype == kind
        np.testing.assert_array_equal(found, expected)


def is_native(step):
    return isinstance(step.operator, Native)


@pytest.mark.parametrize("zero", [0, 127])
def test_another_zero_point_stays_refused(zero):
    with pytest.raises(ModelError, match=r"zero point|unsigned|uint8"):
        compile_file(network(np.uint8, zero))
