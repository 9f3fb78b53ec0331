"""Parts that are cut out of a network compute what they compute within it."""

import numpy as np
import pytest
from qdq_networks import floats, network, node, run

from tvm_espdl.cli import main
from tvm_espdl.errors import ModelError
from tvm_espdl.onnx_graphs.model import save_model
from tvm_espdl.preprocess import preprocess_onnx


def whole():
    """Two inputs, a name with a comma, two outputs."""
    nodes = [
        node("Conv", "x w", "a,b", pads=[1, 1, 1, 1]),
        node("Relu", "a,b", "c"),
        node("Add", "c other", "d"),
        node("Sigmoid", "d", "y"),
        node("Tanh", "c", "z"),
    ]
    constants = {"w": floats(4, 3, 3, 3)}
    inputs = {"x": [1, 3, 7, 9], "other": [1, 4, 7, 9]}
    return network(nodes, inputs, {"y": [1, 4, 7, 9], "z": [1, 4, 7, 9]}, constants)


def names_of(values):
    return [value.name for value in values]


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        ((), ("d",), (["x", "other"], ["d"])),
        ((), "z", (["x"], ["z"])),
        (("c",), ("z",), (["c"], ["z"])),
        (("c", "c"), ("z", "z"), (["c"], ["z"])),
        (("d", "a,b"), (), (["d", "a,b"], ["y", "z"])),
    ],
)
def test_a_part_computes_the_same(inputs, outputs, expected):
    model = whole()
    part = preprocess_onnx(model, inputs=inputs, outputs=outputs)
    assert (names_of(part.graph.input), names_of(part.graph.output)) == expected
    rng = np.random.default_rng(4)
    feed = {v.name: rng.normal(size=[1, 3 if v.name == "x" else 4, 7, 9]).astype(np.float32)
            for v in model.graph.input}  # fmt: skip
    inner = preprocess_onnx(model, outputs=("a,b", "c", "d"))
    values = {**feed, **run(inner, feed), **run(model, feed)}
    found = run(part, {name: values[name] for name in names_of(part.graph.input)})
    for name, result in found.items():
        np.testing.assert_allclose(result, values[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"outputs": "a_b"}, "'a,b'"),
        ({"inputs": "nothing like it"}, "no such tensor"),
        ({"inputs": "x", "outputs": "x"}, "cannot be inputs of the network; found: 'x'"),
        (
            {"inputs": "c", "outputs": ("z", "other")},
            "inputs of the network; found: 'other'",
        ),
        ({"outputs": "w"}, "outputs of a part cannot be constants; found: 'w'"),
        ({"inputs": ("w", "x")}, "inputs of a part cannot be constants; found: 'w'"),
        ({"inputs": ("x",), "outputs": ("y",)}, "--inputs x,other"),
    ],
)
def test_what_cannot_be_cut_is_refused(choice, words):
    with pytest.raises(ModelError) as error:
        preprocess_onnx(whole(), **choice)
    assert words in str(error.value)


@pytest.mark.parametrize(("inputs", "outputs"), [(("c",), ("c",)), (("c", "d"), ("z", "d"))])
def test_between_a_tensor_and_itself_is_no_network(inputs, outputs):
    with pytest.raises(ModelError, match=rf"tensor and itself; found: '{outputs[-1]}'"):
        preprocess_onnx(whole(), inputs=inputs, outputs=outputs)


def test_cutting_on_the_command_line(tmp_path, capsys):
    save_model(whole(), tmp_path / "whole.onnx")
    arguments = ["preprocess", "--input", str(tmp_path / "whole.onnx"), "--no-check"]
    path = tmp_path / "part.onnx"
    assert main([*arguments, "--output", str(path), "--outputs", "a,,b", "--inputs", "x"]) == 0
    assert names_of(preprocess_onnx(path).graph.output) == ["a,b"]
    assert main([*arguments, "--output", str(tmp_path / "other.onnx"), "--outputs", "q"]) == 2
    assert "option outputs" in capsys.readouterr().err
    for nothing in ("", ",", " , "):
        with pytest.raises(SystemExit, match="2"):
            main([*arguments, "--output", str(tmp_path / "other.onnx"), "--outputs", nothing])
        assert f"--outputs: no name in {nothing!r}" in capsys.readouterr().err
    with pytest.raises(ModelError, match="not one input"):
        preprocess_onnx(whole(), input_shapes=(1, 3, 7, 9))
