"""What `from_pytorch` asks of torch, seen by a stand-in for torch: the real one is optional."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl import relay
from tvm_espdl.errors import ModelError, ToolError


class Traced:
    """As `torch.jit.trace` returns it."""


class Dtype(str):
    pass


class ExporterError(RuntimeError):
    pass


def exported(names, shapes):
    """A network that takes these inputs."""
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Gemm", [names[0], "w"], ["y"], transB=1)]
    if len(names) > 1:
        nodes += [
            helper.make_node("Cast", [names[1]], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["y", "f"], ["z"]),
        ]
    inputs = [value(names[0], TensorProto.FLOAT, shapes[0])]
    inputs += [value(n, TensorProto.INT64, s) for n, s in zip(names[1:], shapes[1:], strict=True)]
    w = numpy_helper.from_array(np.eye(2, 4, dtype=np.float32), "w")
    out = "z" if len(names) > 1 else "y"
    graph = helper.make_graph(nodes, "net", inputs, [value(out, TensorProto.FLOAT, [1, 2])], [w])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return onnx.shape_inference.infer_shapes(model)


@pytest.fixture
def torch(monkeypatch):
    """The stand-in; `calls` holds what the exporter was given, `error` is what it raises."""
    module = ModuleType("torch")
    module.calls, module.error = [], None
    module.dtype, module.float32, module.int64 = Dtype, Dtype("float32"), Dtype("int64")
    module.jit = SimpleNamespace(ScriptModule=Traced)
    module.zeros = lambda shape, dtype: np.zeros(shape, str(dtype))

    def export(model, samples, file=None, *, dynamo, input_names, **options):
        module.calls.append((model, samples, dynamo))
        if module.error is not None:
            raise module.error
        made = exported(input_names, [s.shape for s in samples]).SerializeToString()
        if dynamo:
            return SimpleNamespace(save=lambda stream: stream.write(made))
        return file.write(made)

    module.onnx = SimpleNamespace(export=export, OnnxExporterError=ExporterError)
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "onnxscript", ModuleType("onnxscript"))
    return module


def test_a_traced_module_goes_through_the_old_exporter(torch, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # which it does without
    mod, params = relay.frontend.from_pytorch(Traced(), [("input0", (1, 4))])
    assert params == {}
    ((_, samples, dynamo),) = torch.calls
    assert (samples[0].shape, samples[0].dtype, dynamo) == ((1, 4), np.float32, False)
    with pytest.warns(UserWarning, match="no part of the network is quantized"):
        library = relay.build(mod)
    assert library.input_names == ("input0",)
    np.testing.assert_array_equal(library(np.float32([[1, 2, 3, 4]])), [[1, 2]])


@pytest.mark.parametrize("model", [Traced(), object()], ids=["traced", "module"])
def test_inputs_may_have_dtypes_of_their_own(torch, model):
    infos = [("x", ((1, 4), "float32")), ("n", ([1, 2], torch.int64))]
    mod, _ = relay.frontend.from_pytorch(model, infos)
    ((_, samples, dynamo),) = torch.calls
    assert [(s.shape, s.dtype) for s in samples] == [((1, 4), "float32"), ((1, 2), "int64")]
    assert dynamo == (not isinstance(model, Traced))
    assert [str(p.ty.dtype.dtype) for p in mod["main"].params] == ["float32", "int64"]


@pytest.mark.parametrize("model", [Traced(), object()], ids=["traced", "module"])
def test_the_innermost_cause_of_a_failure_is_named(torch, model):
    torch.error = ExporterError("\x1b[31mFailed to export the model\x1b[0m\nstep 1 of 3")
    inner = NotImplementedError("\n  \x1b[1maten::fancy has no\x1b[0m symbolic\nmore lines")
    torch.error.__cause__ = ValueError("in between")
    torch.error.__cause__.__cause__ = inner
    with pytest.raises(ModelError) as caught:
        relay.frontend.from_pytorch(model, [("x", (1, 4))])
    assert caught.value.found == "NotImplementedError: aten::fancy has no symbolic"
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("info", [("x",), ("x", 4), ("x", ("a", "b")), ("x", ((1, 4), "float99"))])
def test_what_describes_no_input_is_refused(torch, info):
    with pytest.raises(ModelError, match="input_infos"):
        relay.frontend.from_pytorch(Traced(), [info])


def test_a_module_needs_onnxscript(torch, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ToolError, match=r"tvm-espdl\[torch\]"):
        relay.frontend.from_pytorch(object(), [("x", (1, 4))])
