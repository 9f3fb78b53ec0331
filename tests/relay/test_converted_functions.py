"""Nodes that TVM's importer does not read, or in many calls, compute in float what ONNX says."""

import numpy as np
import onnxruntime
import pytest
import tvm
from onnx import TensorProto, helper
from tvm import relax

from tvm_espdl import relay

SHAPE = (1, 4, 6)
X = np.linspace(-30, 30, 24, dtype=np.float32).reshape(SHAPE)


def model_of(kind, inputs, **attributes):
    def value(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)

    made = helper.make_node(kind, inputs, ["y"], **attributes)
    graph = helper.make_graph([made], "one", [value(n) for n in inputs], [value("y")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=11)


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "calls"),
    [
        ("Softplus", ["x"], {}, ["relax.nn.softplus"]),
        ("Swish", ["x"], {}, ["relax.nn.silu"]),
        ("Swish", ["x"], {"alpha": 1.5}, ["relax.multiply", "relax.sigmoid", "relax.multiply"]),
        ("Sum", ["x", "other"], {}, ["relax.add"]),
    ],
)
def test_node(kind, inputs, attributes, calls):
    model = model_of(kind, inputs, **attributes)
    mod, _ = relay.frontend.from_onnx(model)
    bindings = mod["main"].body.blocks[0].bindings
    assert [b.value.op.name for b in bindings if hasattr(b.value, "op")] == calls
    arrays = [X, X[:, ::-1].copy()][: len(inputs)]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (wanted,) = session.run(None, dict(zip(inputs, arrays, strict=True)))
    machine = relax.VirtualMachine(tvm.compile(mod, "llvm"), tvm.cpu())
    found = machine["main"](*map(tvm.runtime.tensor, arrays))
    found = found.numpy() if hasattr(found, "numpy") else found[0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_limits_of_one_element_are_limits():
    made = helper.make_node("Clip", ["x", "low", "high"], ["y"])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in "xy")
    limits = [
        helper.make_tensor(name, TensorProto.FLOAT, [1], [limit])
        for name, limit in (("low", -2.5), ("high", 7.0))
    ]
    graph = helper.make_graph([made], "one", [x], [y], limits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (clip, *_) = relay.frontend.from_onnx(model)[0]["main"].body.blocks[0].bindings
    assert clip.value.op.name == "relax.clip"
    assert [float(limit.value) for limit in clip.value.args[1:]] == [-2.5, 7.0]
