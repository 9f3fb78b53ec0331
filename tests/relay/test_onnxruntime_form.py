"""Networks as onnxruntime's `quantize_static` writes them, their scales made powers of two."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization
from qdq_product import assert_same, on_tvm, operators_of
from tvm import relay

RNG = np.random.default_rng(5)


class Reader(quantization.CalibrationDataReader):
    def __init__(self, samples):
        self.samples = iter([{"x": sample[None]} for sample in samples])

    def get_next(self):
        return next(self.samples, None)


def float_model():
    shapes = {"w": (8, 3, 3, 3), "b": (8,), "v": (8, 8, 3, 3), "m": (72, 5), "c": (5,)}
    constants = {n: (RNG.normal(size=s) * 0.2).astype(np.float32) for n, s in shapes.items()}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["conv"], "conv", pads=[1] * 4),
        helper.make_node("Relu", ["conv"], ["relu"], "relu"),
        helper.make_node("MaxPool", ["relu"], ["pool"], "pool", kernel_shape=[2, 2]),
        helper.make_node("Conv", ["pool", "v"], ["conv2"], "conv2", pads=[1] * 4),
        helper.make_node("Add", ["conv2", "pool"], ["sum"], "sum"),
        helper.make_node("Relu", ["sum"], ["sum_relu"], "sum_relu"),
        helper.make_node(
            *("AveragePool", ["sum_relu"], ["mean"], "mean"), kernel_shape=[3, 3], strides=[2, 2]
        ),
        helper.make_node("Flatten", ["mean"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "m", "c"], ["y"], "gemm"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])
    initializers = [numpy_helper.from_array(a, n) for n, a in constants.items()]
    graph = helper.make_graph(nodes, "network", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def power_of_two_scales(model):
    """Every scale rounded up to a power of two; those of biases are products of the others'."""
    arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    by_output = {node.output[0]: node for node in model.graph.node}
    scales = {
        node.input[1]
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear")
    }
    new = {n: np.exp2(np.ceil(np.log2(arrays[n]))).astype(np.float32) for n in scales}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm") and len(node.input) == 3:
            x, w, b = (by_output[name].input[1] for name in node.input)
            new[b] = (new[x] * new[w]).astype(np.float32).reshape(arrays[b].shape)
    for initializer in model.graph.initializer:
        if initializer.name in new:
            name = initializer.name
            initializer.CopyFrom(numpy_helper.from_array(new[name], name))
    return model


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnxruntime")
    onnx.save(float_model(), folder / "float.onnx")
    quantization.quantize_static(
        *(folder / "float.onnx", folder / "qdq.onnx"),
        Reader(RNG.normal(size=(8, 3, 8, 8)).astype(np.float32)),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
    )
    return power_of_two_scales(onnx.load(folder / "qdq.onnx"))


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_everything_runs_on_esp_dl(quantized, chip):
    module, _ = relay.frontend.from_onnx(quantized)
    lib = relay.build(module, target=f"espressif/{chip}")
    assert not on_tvm(lib), str(lib.report())
    found = operators_of(lib)
    for operator in ("conv2d", "max_pool2d", "add", "average_pool2d", "gemm"):
        assert operator in found, str(lib.report())
    for sample in RNG.normal(size=(4, 1, 3, 8, 8)).astype(np.float32):
        assert_same(lib, sample)
