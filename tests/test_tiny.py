"""Read this first: one convolution, from ONNX to the chip's bits on the PC and in C.

Everything else in this folder is this, more thoroughly.
"""

import numpy as np
import onnx
from network_in_c import run_network
from onnx import TensorProto, helper, numpy_helper
from tvm import relay  # lent by tvm_espdl

import tvm_espdl


def tiny_model():
    """One 3x3 convolution with power-of-two scales around it, as every quantizer writes it."""
    rng = np.random.default_rng(0)
    constants = {
        "scale": np.float32(2**-4),
        "filter_scale": np.float32(2**-7),
        "bias_scale": np.float32(2**-11),
        "zero": np.int8(0),
        "bias_zero": np.int32(0),
        "filter_integers": rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8),
        "bias_integers": rng.integers(-1000, 1000, 4).astype(np.int32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["x_q"]),
        helper.make_node("DequantizeLinear", ["x_q", "scale", "zero"], ["x_dq"]),
        helper.make_node("DequantizeLinear", ["filter_integers", "filter_scale", "zero"], ["w"]),
        helper.make_node("DequantizeLinear", ["bias_integers", "bias_scale", "bias_zero"], ["b"]),
        helper.make_node("Conv", ["x_dq", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["c", "scale", "zero"], ["c_q"]),
        helper.make_node("DequantizeLinear", ["c_q", "scale", "zero"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 5, 5])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model, constants


def test_one_convolution(c_compiler):
    model, constants = tiny_model()
    mod, params = relay.frontend.from_onnx(model)
    lib = relay.build(mod, target="espdl", params=params)

    x = np.random.default_rng(1).normal(0, 3, (1, 3, 5, 5)).astype(np.float32)
    y = lib(x)

    # The same in plain integers: round half up, as on the ESP32-S3.
    q = np.clip(np.floor(x * 16 + 0.5), -128, 127).astype(np.int64)
    padded = np.pad(q, ((0, 0), (0, 0), (1, 1), (1, 1)))
    sums = np.zeros((1, 4, 5, 5), np.int64) + constants["bias_integers"][None, :, None, None]
    for row in range(3):
        for column in range(3):
            part = padded[:, :, row : row + 5, column : column + 5]
            sums += np.einsum(
                "nchw,oc->nohw", part, constants["filter_integers"][:, :, row, column].astype(int)
            )
    expected = np.clip((sums + 64) >> 7, -128, 127)

    np.testing.assert_array_equal(y, expected * 2.0**-4)
    np.testing.assert_array_equal(
        lib.run_with_intermediates(x)["y"], expected.transpose(0, 2, 3, 1)
    )
    np.testing.assert_array_equal(run_network(lib.program, [[x]])[0][0], y)
    assert tvm_espdl.debug.compare(lib, lib.run_with_intermediates(x), inputs=x)
