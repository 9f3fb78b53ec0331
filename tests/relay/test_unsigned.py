"""uint8 around 128 is int8: the same bits as the same network in int8."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ModelError


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


@pytest.mark.parametrize("zero", [0, 127])
def test_another_zero_point_stays_refused(zero):
    with pytest.raises(ModelError, match=r"zero point|unsigned|uint8"):
        compile_file(network(np.uint8, zero))
