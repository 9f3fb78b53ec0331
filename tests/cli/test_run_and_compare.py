"""A folder that `run --dump` wrote equals the model that wrote it, whatever the model is like."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from qdq_builder import QdqBuilder

from tvm_espdl.cli import main

SHAPE = (1, 16)
HOSTILE = [
    *("self", "file", "a|b", "a/b", "/a", "a%2Fb", ".", "..", "with space", "@espdl end 3"),
    *("é", "x_float", "arrays", "states", "n" * 300, "n" * 299 + "m", "line\nbreak", "\x1b[2J"),
]


def renamed(model, names):
    """The model with tensors of other names."""
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    infos = (*model.graph.input, *model.graph.output, *model.graph.value_info)
    for info in infos:
        info.name = names.get(info.name, info.name)
    return model


def float_input(name="x", relu="r", result="y"):
    builder = QdqBuilder()
    x = builder.quantized_input("x", SHAPE)
    inner = builder.qdq(builder.node("Relu", x), -4)
    outer = builder.qdq(builder.node("Neg", inner), -4)
    builder.output(outer)
    hidden = builder.nodes[2].output[0]
    return renamed(builder.model(), {"x": name, hidden: relu, outer: result})


def several():
    """Two inputs, two outputs, and an input that is an output as it is."""
    builder = QdqBuilder()
    a, b = (builder.quantized_input(name, SHAPE) for name in ("a", "b"))
    total = builder.qdq(builder.node("Add", a, b), -4)
    builder.output(total)
    builder.output(builder.qdq(builder.node("Relu", total), -4))
    return builder.model()


def float_parts():
    """A float operator that TVM compiles, in front of a quantized one and behind it."""
    builder = QdqBuilder()
    x = builder.qdq(builder.node("Cos", builder.input("x", SHAPE)), -6)
    builder.output(builder.node("Cos", builder.qdq(builder.node("Relu", x), -6)))
    return builder.model()


def integer_input():
    builder = QdqBuilder()
    builder.inputs.append(helper.make_tensor_value_info("x", TensorProto.INT8, SHAPE))
    x = builder.dequantize("x", -4)
    builder.output(builder.qdq(builder.node("Relu", x), -4))
    return builder.model()


THREES = [HOSTILE[at : at + 3] for at in range(0, len(HOSTILE), 3)]
NETWORKS = {
    "float input": float_input,
    "several inputs and outputs": several,
    "float parts": float_parts,
    "integer input": integer_input,
    **{f"names {three[0][:12]!r}": (lambda three=three: float_input(*three)) for three in THREES},
}


def arrays_for(model, folder):
    source = np.random.default_rng(3)
    arrays = {
        info.name: source.integers(-128, 128, SHAPE).astype(np.int8)
        if info.type.tensor_type.elem_type == TensorProto.INT8
        else source.uniform(-9, 9, SHAPE).astype(np.float32)
        for info in model.graph.input
    }
    if len(arrays) == 1:
        np.save(folder / "x.npy", *arrays.values())
        return folder / "x.npy"
    np.savez(folder / "x.npz", **arrays)
    return folder / "x.npz"


@pytest.mark.parametrize("network", NETWORKS)
def test_a_dump_equals_the_model_that_wrote_it(network, tmp_path, capsys):
    model = NETWORKS[network]()
    onnx.save(model, tmp_path / "m.onnx")
    path = str(tmp_path / "m.onnx")
    given = str(arrays_for(model, tmp_path))
    dump = tmp_path / "dump"
    command = ["run", path, "--input", given, "--output", str(tmp_path / "y.npz")]
    assert main([*command, "--dump", str(dump)]) == 0
    capsys.readouterr()
    count = len(list(dump.iterdir()))
    assert count > 2
    assert main(["compare", "--model_path", path, "--dump", str(dump)]) == 0
    assert f"{count} tensors equal, 0 differ" in capsys.readouterr().out
    _spoil(sorted(dump.iterdir())[-1])
    assert main(["compare", "--model_path", path, "--dump", str(dump), "--input", given]) == 1


def _spoil(file):
    """One bit of the last value is another one."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))


def test_a_dump_appears_whole_or_not_at_all(tmp_path, monkeypatch, capsys):
    model = float_input()
    onnx.save(model, tmp_path / "m.onnx")
    given = str(arrays_for(model, tmp_path))
    written = []

    def full(path, data):
        written.append(path)
        if len(written) > 2:
            raise OSError(28, "No space left on device")
        with path.open("wb") as file:
            return file.write(data)

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    command = ["run", str(tmp_path / "m.onnx"), "--input", given]
    command += ["--output", str(tmp_path / "y.npy"), "--dump", str(tmp_path / "dump")]
    assert main(command) == 2
    assert "No space left" in capsys.readouterr().err
    assert len(written) == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx", "x.npy"]


def test_an_empty_folder_is_no_dump(tmp_path, capsys):
    onnx.save(float_input(), tmp_path / "m.onnx")
    (tmp_path / "dump").mkdir()
    command = ["compare", "--model_path", str(tmp_path / "m.onnx"), "--dump"]
    assert main([*command, str(tmp_path / "dump")]) == 2
    assert "the folder holds no dump" in capsys.readouterr().err
