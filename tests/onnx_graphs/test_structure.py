"""Networks that no exporter writes end in one message, before anything large is made of them."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.model import load_model

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model_of(nodes, constants=(), shape=(1, 4), kind=FLOAT):
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    outputs = [helper.make_tensor_value_info("y", FLOAT, ["a", "b"])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def node(kind, *inputs, **attributes):
    return helper.make_node(kind, list(inputs), ["y"], name="it", **attributes)


def constant(values, name="c"):
    return numpy_helper.from_array(np.asarray(values), name)


def cut(values):
    tensor = constant(np.asarray(values, np.float32))
    tensor.raw_data = tensor.raw_data[:-1]
    return tensor


def typed(kind):
    tensor = constant(np.ones(4, np.float32))
    tensor.data_type = kind
    return tensor


def shaped(*dims):
    tensor = constant(np.ones(4, np.float32))
    tensor.ClearField("dims")
    tensor.dims.extend(dims)
    return tensor


def loop(rounds, *, ends):
    going = helper.make_tensor_value_info("going", TensorProto.BOOL, ())
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["v"], ["w"]),
            helper.make_node("IsNaN", ["v"], ["n"])
            if ends
            else helper.make_node("Identity", ["going"], ["n"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, ()),
            going,
            helper.make_tensor_value_info("v", FLOAT, ()),
        ],
        [
            helper.make_tensor_value_info("n", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("w", FLOAT, ()),
        ],
    )
    constants = [constant(np.int64(rounds)), constant(np.bool_(True), "true")]
    return model_of([node("Loop", "c", "true", "x", body=body)], constants, ())


def quantized(scale):
    constants = [constant(np.float32(scale)), constant(np.int8(0), "z")]
    return model_of([node("QuantizeLinear", "x", "c", "z")], constants)


ADD = [node("Add", "x", "c")]
BAD = {
    "input without type": (model_of([node("Relu", "x")], kind=0), "no type that ONNX knows"),
    "input of type 77": (model_of([node("Relu", "x")], kind=77), "data type 77"),
    "constant of type 99": (model_of(ADD, [typed(99)]), "constant 'c'.*data type 99"),
    "constant of another type": (model_of(ADD, [typed(11)]), "do not fit its shape"),
    "constant cut": (model_of(ADD, [cut(np.ones(4))]), "do not fit its shape"),
    "constant of another shape": (model_of(ADD, [shaped(5)]), "do not fit its shape"),
    "constant below zero": (model_of(ADD, [shaped(-4)]), "far too large|do not fit"),
    "huge constant": (model_of(ADD, [shaped(1 << 31, 1 << 31)]), "far too large"),
    "huge input": (model_of([node("Relu", "x")], shape=(1, 8, 1 << 62)), "tensor 'x'.*too large"),
    "huge result": (
        model_of([node("ConstantOfShape", "c")], [constant(np.array([1, 10**10]))]),
        "tensor 'y'.*too large",
    ),
    "huge repeat": (
        model_of([node("Tile", "x", "c")], [constant(np.array([1, 10**10]))]),
        "tensor 'y'.*too large",
    ),
    "scale NaN": (quantized(np.nan), "no positive number.*found: nan"),
    "scale zero": (quantized(0), "no positive number"),
    "scale infinite": (quantized(np.inf), "no positive number"),
    "limit NaN": (
        model_of([node("Clip", "x", "c")], [constant(np.float32(np.nan))]),
        "limit is no number",
    ),
    "loop without a body": (model_of([node("Loop", "x", "x")]), "not valid ONNX"),
    "loop of nothing": (model_of([node("Loop")]), "not valid ONNX"),
    "a word as scale": (
        model_of(
            [node("QuantizeLinear", "x", "c")],
            [helper.make_tensor("c", TensorProto.STRING, [1], [b"word"])],
        ),
        "a scale is no positive number",
    ),
    "axis beyond 32 bits": (model_of([node("Softmax", "x", axis=1 << 40)]), "no such axis.*1099"),
    "axes before the first": (
        model_of([node("ReduceMax", "x", axes=[0, -(1 << 40)])]),
        "no such axis.*-1099",
    ),
    "endless loop": (loop(1 << 62, ends=False), "4,611,686,018,427,387,904 rounds"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_networks_are_refused(case):
    model, message = BAD[case]
    with pytest.raises(ModelError, match=message):
        load_model(model)


def test_a_name_that_is_no_text():
    data = model_of([node("Relu", "x")]).SerializeToString()
    with pytest.raises(ModelError, match=r"no text|not valid ONNX"):
        load_model(
            onnx.load_from_string(data.replace(b"\x0a\x01x\x12\x01y", b"\x0a\x01x\x12\x01\xff"))
        )


@pytest.mark.parametrize(
    "model", [loop(1 << 62, ends=True), loop(1000, ends=False), quantized(0.5)]
)
def test_what_exporters_write_is_taken(model):
    assert load_model(model).graph.node
