"""Networks without the nodes that nobody can import, for estimates of the rest."""

import onnx
import pytest
from onnx import TensorProto, helper
from qdq_networks import floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.leaving_out import left_out
from tvm_espdl.onnx_graphs.model import input_signature, save_model
from tvm_espdl.relay.frontend.unsupported import unsupported_nodes


def odd_network():
    """A custom node within, one at the end, and a standard one that TVM's importer lacks."""
    nodes = [
        node("Conv", "x w", "a", pads=[1, 1, 1, 1], name="conv"),
        node("Custom", "a", "b", domain="own.domain", name="custom"),
        node("Relu", "b", "c", name="relu"),
        node("Det", "c", "d", name="det"),
        node("Custom", "d", "y", domain="own.domain", name="last"),
    ]
    shapes = {"x": [1, 3, 8, 6]}, {"c": [1, 4, 8, 6], "y": [1, 4]}
    model = network(nodes, *shapes, {"w": floats(4, 3, 3, 3)}, opset=17)
    model.opset_import.append(helper.make_opsetid("own.domain", 1))
    return model


def test_results_become_inputs_and_what_was_read_outputs():
    model = odd_network()
    before = model.SerializeToString()
    nodes = unsupported_nodes(model)
    assert [each.name for each in nodes] == ["custom", "det", "last"]
    rest = left_out(model, nodes)
    assert model.SerializeToString() == before
    assert [each.name for each in rest.graph.node] == ["conv", "relu"]
    assert {name: shape for name, (shape, _) in input_signature(rest).items()} == {
        "x": (1, 3, 8, 6),
        "b": (1, 4, 8, 6),
    }
    assert [value.name for value in rest.graph.output] == ["c", "a"]
    onnx.checker.check_model(rest, full_check=True)


def test_nothing_left_is_said():
    model = network([node("Det", "x", "y")], {"x": [2, 3, 3]}, {"y": [2]})
    with pytest.raises(ModelError, match="no node of the model can be compiled"):
        left_out(model, unsupported_nodes(model))


def test_branches_are_among_them():
    value = helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])
    body = helper.make_graph([node("Identity", "x", "z")], "body", [], [value])
    nodes = [
        node("ReduceMax", "x", "m", keepdims=0),
        node("Cast", "m", "t", to=TensorProto.BOOL),
        node("If", "t", "y", then_branch=body, else_branch=body),
    ]
    model = network(nodes, {"x": [2]}, {"y": [2]})
    assert [each.op_type for each in unsupported_nodes(model)] == ["If"]


def test_an_estimate_of_the_rest_says_what_is_missing(tmp_path, capsys):
    save_model(odd_network(), tmp_path / "odd.onnx")
    page = tmp_path / "page.html"
    assert main(["evaluate", str(tmp_path / "odd.onnx"), "--html", str(page)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name, kind in (("custom", "Custom"), ("det", "Det"), ("last", "Custom")):
        assert f"{name} ({kind}) cannot be compiled" in out
        assert f"{name} ({kind}) cannot be compiled" in page.read_text()
    assert "conv2d" in out
    assert main(["evaluate", str(tmp_path / "odd.onnx"), "--max_ms", "1000"]) == 1
    assert "operators of the model that are in no figure: 3" in capsys.readouterr().out
