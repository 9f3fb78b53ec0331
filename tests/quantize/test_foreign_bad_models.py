"""Damaged quantized models: a clear error of ours, or a result, and never anything else."""

import random

import numpy as np
import onnx
import pytest
from foreign_networks import MICROSOFT, Qdq, by_onnxruntime, float_model, model_of, quantization
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.errors import EspdlError, ModelError
from tvm_espdl.quantize.foreign import inspect_quantized, strip_quantization, take_as_is

IMAGE = (1, 4, 6, 6)
WEIGHTS = np.ones((6, 4, 3, 3), np.int8)


def first_quantized(nodes, constants):
    first = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], "first")
    return model_of(
        [first, *nodes],
        {"x": (TensorProto.FLOAT, IMAGE)},
        {"y": (TensorProto.INT8, IMAGE)},
        {"s": np.float32(0.5), "z": np.int8(0), **constants},
    )


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [
        ("QLinearAdd", ["q", "s", "z"]),
        ("QLinearAdd", ["q", "s", "z", "q", "", "z", "s", "z"]),
        ("QLinearSigmoid", ["q"]),
        ("QLinearConcat", ["s", "z", "q", "s", "z", "q"]),
        ("DequantizeLinear", ["q"]),
        ("QuantizeLinear", ["x"]),
    ],
)
def test_inputs_that_are_missing(operator, inputs):
    made = helper.make_node(operator, inputs, ["y"], "bad", domain=MICROSOFT)
    with pytest.raises(ModelError, match=r"node 'bad'.*missing"):
        take_as_is(first_quantized([made], {}), "esp32s3")


def test_several_scales_of_a_result():
    inputs = ["q", "s", "z", "ss", "zz"]
    made = helper.make_node("QLinearSigmoid", inputs, ["y"], "bad", domain=MICROSOFT)
    several = {"ss": np.float32([1, 2, 3, 4]), "zz": np.zeros(4, np.int8)}
    with pytest.raises(ModelError, match=r"'ss'.*several scales.*4 values"):
        take_as_is(first_quantized([made], several), "esp32s3")


@pytest.mark.parametrize(
    ("scales", "zeros", "axis", "reason"),
    [
        (6, 6, 7, "do not fit its shape"),
        (6, 6, -9, "do not fit its shape"),
        (5, 5, 0, "do not fit its shape"),
        (6, 5, 0, "do not fit each other"),
        (0, 0, 0, "do not fit each other"),
    ],
)
@pytest.mark.parametrize("form", ["stored", "rounded at run time"])
def test_scales_that_do_not_fit(scales, zeros, axis, reason, form):
    net = Qdq()
    x = net.pair(net.input("x", IMAGE), 0.5, np.int8(0))
    parameters = np.ones(scales), np.zeros(zeros, np.int8)
    if form == "stored":
        w = net.dequantize(net.constant(WEIGHTS, "w"), *parameters, axis=axis)
    else:
        w = net.pair(net.constant(WEIGHTS.astype(np.float32), "w"), *parameters, axis=axis)
    net.node("Conv", x, w, output="y")
    graph = helper.make_graph(
        net.nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 6, 4, 4])],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in net.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert reason in str(inspect_quantized(model))
    for refuse in (strip_quantization, lambda m: take_as_is(m, "esp32p4")):
        with pytest.raises(ModelError, match=reason):
            refuse(model)


def damage(model, choice):
    """One to three random changes."""
    damaged = onnx.ModelProto()
    damaged.CopyFrom(model)
    graph = damaged.graph
    for _ in range(choice.randint(1, 3)):
        node = choice.choice(graph.node)
        tensor = choice.choice(graph.initializer)
        names = [t.name for t in graph.initializer] + [o for n in graph.node for o in n.output]
        kind = choice.randrange(7)
        if kind == 0 and node.input:
            node.input[choice.randrange(len(node.input))] = choice.choice([*names, ""])
        elif kind == 1 and node.input:
            del node.input[-1]
        elif kind == 2:
            array = numpy_helper.to_array(tensor)
            changed = [array.reshape(-1)[: choice.randint(0, 3)], array[..., None]]
            if array.dtype == np.float32:
                changed += [np.full(array.shape, v, np.float32) for v in (0, -1, np.nan, np.inf)]
            tensor.CopyFrom(numpy_helper.from_array(np.array(choice.choice(changed)), tensor.name))
        elif kind == 3 and all(entry.name != "axis" for entry in node.attribute):
            node.attribute.append(helper.make_attribute("axis", choice.choice([-9, -1, 0, 3, 7])))
        elif kind == 4 and len(graph.node) > 2:
            graph.node.remove(node)
        elif kind == 5:
            others = ("QuantizeLinear", "DequantizeLinear", "QLinearAdd", "QGemm", "Pad", "Cast")
            node.op_type = choice.choice(others)
        elif kind == 6:
            node.domain = choice.choice(["", MICROSOFT, "other"])
    return damaged


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_random_damage(form, tmp_path):
    rng = np.random.default_rng(78)
    constants = {
        "w": rng.normal(size=(6, 4, 3, 3)).astype(np.float32),
        "m": rng.normal(size=(24, 5)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv"], "conv"),
        helper.make_node("Relu", ["conv"], ["relu"], "relu"),
        helper.make_node("Add", ["relu", "relu"], ["sum"], "sum"),
        helper.make_node("MaxPool", ["sum"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pool"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "m"], ["y"], "gemm"),
    ]
    samples = rng.normal(size=(4, *IMAGE[1:])).astype(np.float32)
    model = by_onnxruntime(
        *(float_model(nodes, list(IMAGE), constants), samples, tmp_path, form),
        activation_type=quantization.QuantType.QInt8,
        per_channel=True,
    )
    results = {"taken": 0, "refused": 0}
    for seed in range(300):
        print("seed", seed)  # the last one is that of an exception
        damaged = damage(model, random.Random(seed))
        for use in (strip_quantization, lambda m: take_as_is(m, "esp32p4")):
            try:
                use(damaged)
                results["taken"] += 1
            except EspdlError:
                results["refused"] += 1
    assert min(results.values()) > 20, results
