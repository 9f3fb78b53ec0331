"""One network in every operator set from 8 on: the same bits, in float and quantized."""

import numpy as np
import onnx
import pytest
import tvm_ffi
from onnx import TensorProto, helper, numpy_helper, version_converter
from tvm import relay

from tvm_espdl.compilation import compile_file
from tvm_espdl.quantize import quantize_onnx

FIRST, LAST = 8, 23


def normal(*shape):
    return np.random.default_rng([808, *shape]).normal(0, 0.3, shape).astype(np.float32)


def network():
    """Operators whose attributes have become inputs, or whose defaults have changed since."""

    def node(kind, inputs, output, **attributes):
        return helper.make_node(kind, inputs.split(), output.split(), **attributes)

    nodes = [
        node("Conv", "x w b", "conv", pads=[1] * 4),
        node("BatchNormalization", "conv scale shift mean variance", "norm"),
        node("Clip", "norm", "clip", min=0.0, max=6.0),
        node("MaxPool", "clip", "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Pad", "pool", "pad", pads=[0, 0, 1, 0, 0, 0, 0, 1]),
        node("Slice", "pad", "slice", axes=[2, 3], starts=[0, 1], ends=[4, 5]),
        node("Split", "slice", "one other", axis=1, split=[2, 2]),
        node("Add", "one other", "sum"),
        node("ReduceMean", "sum", "average", axes=[3], keepdims=1),
        node("Squeeze", "average", "squeezed", axes=[3]),
        node("Unsqueeze", "squeezed", "wide", axes=[0]),
        node("ReduceSum", "wide", "reduced", axes=[0], keepdims=0),
        node("Flatten", "reduced", "flat"),
        node("Gemm", "flat matrix vector", "gemm", transB=1),
        node("Dropout", "gemm", "dropout"),
        node("Softmax", "dropout", "y", axis=1),
    ]
    constants = {
        "w": normal(4, 3, 3, 3),
        **{name: normal(4) for name in ("b", "shift", "mean")},
        **{name: np.abs(normal(4)) + 0.5 for name in ("scale", "variance")},
        "matrix": normal(5, 8),
        "vector": normal(5),
    }
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", FIRST)], ir_version=4)
    return onnx.shape_inference.infer_shapes(model)


@pytest.mark.filterwarnings("ignore:no part of the network")
def test_every_operator_set_gives_the_same_bits():
    """What is imported alike is compiled once."""
    oldest, x = network(), 5 * normal(1, 3, 8, 8)
    modules, results = {}, []
    for opset in range(FIRST, LAST + 1):
        model = version_converter.convert_version(oldest, opset) if opset > FIRST else oldest
        module, _ = relay.frontend.from_onnx(model)
        modules.setdefault(tvm_ffi.structural_hash(module), model)
    for model in modules.values():
        results.append(compile_file(model).run([x])[0].tobytes())
    assert len(set(results)) == 1


def test_the_quantizer_takes_old_and_new_operator_sets():
    calibration = 5 * normal(8, 3, 8, 8)
    results = set()
    for opset in (FIRST, LAST):
        model = version_converter.convert_version(network(), opset)
        quantized = quantize_onnx(model, calibration, measure=False, recover=()).model
        results.add(compile_file(quantized).run([calibration[:1]])[0].tobytes())
    assert len(results) == 1
