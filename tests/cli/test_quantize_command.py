"""What `quantize` says and leaves behind: verdict, size, next command, a model not yet measured."""

import io
import json
import shlex
import sys

import numpy as np
import onnx
import pytest
from networks import quantized_digits
from qdq_networks import floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.cli.edge import INTERRUPTED
from tvm_espdl.demo import DATA
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.report import making


@pytest.fixture
def way(tmp_path):
    with np.load(DATA / "digits.npz") as stored:
        np.save(tmp_path / "c.npy", stored["calibration"])
    return ["quantize", "--input_model", str(DATA / "digits_cnn.onnx"),
            "--calibrate_dataset", str(tmp_path / "c.npy"),
            "--output_model", str(tmp_path / "q.onnx")]  # fmt: skip


def test_it_ends_with_verdict_size_and_a_command_that_works(way, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(way) == 0
    text = capsys.readouterr().out
    lines = text[text.index("result: ") :].splitlines()
    assert lines[0].startswith("result: good: the outputs are off by ")
    assert lines[-1].startswith("next: tvm-espdl export ")
    assert max(map(len, lines[:-1])) <= 100
    assert main(shlex.split(lines[-1])[2:]) == 0
    metadata = tmp_path / "project/components/tvm_model/model/metadata.json"
    needs = json.loads(metadata.read_text())
    size = f"{needs['constant_bytes']:,} bytes of constants, {needs['arena_bytes']:,} bytes of mem"
    assert size in " ".join(lines)


def bad_network():
    """The differences of pairs that are nearly or quite equal: noise, once they are rounded."""
    nodes = [node("Gemm", "x a", "t", transB=1), node("Gemm", "t b", "y", transB=1)]
    a = floats(16, 8, seed=3)
    a[8:] = a[:8]
    a[0] *= 1.001
    b = np.concatenate([np.eye(8), -np.eye(8)], axis=1).astype(np.float32)
    return network(nodes, {"x": (1, 8)}, {"y": (1, 8)}, {"a": a, "b": b})


def test_a_bad_result_is_called_so_and_int16_is_proposed(tmp_path, capsys):
    onnx.save(bad_network(), tmp_path / "f.onnx")
    np.save(tmp_path / "c.npy", floats(16, 8, seed=4))
    way = ["quantize", "--input_model", str(tmp_path / "f.onnx"), "--calibrate_dataset",
           str(tmp_path / "c.npy"), f"--output-model={tmp_path / 'my q.onnx'}",
           "--report", str(tmp_path / "r.txt")]  # fmt: skip
    assert main(way) == 0
    text = capsys.readouterr().out
    assert "\nresult: bad: the outputs are off by " in text
    *_, last = text.splitlines()
    again = shlex.split(last)
    assert again[:3] == ["next:", "tvm-espdl", "quantize"]
    assert again[-6:] == ["--int16", "auto", "--wanted_snr", "20", "--output_model",
                          str(tmp_path / "my q_int16.onnx")]  # fmt: skip
    assert main(again[2:]) == 0
    assert (tmp_path / "my q_int16.onnx").is_file()


@pytest.mark.parametrize("problem", [KeyboardInterrupt, MemoryError])
def test_the_model_is_there_before_it_is_measured(way, tmp_path, capsys, monkeypatch, problem):
    def interrupted(*arguments, **options):
        assert onnx.load(tmp_path / "q.onnx") == quantized_digits("esp32s3")
        raise problem

    monkeypatch.setattr(making, "build_exact", interrupted)
    assert main(way) == (INTERRUPTED if problem is KeyboardInterrupt else 2)
    assert "q.onnx is written and whole; measuring" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"c.npy", "q.onnx"}


def test_nothing_is_said_of_a_model_that_is_not_there(way, capsys, monkeypatch, tmp_path):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tvm_espdl.quantize.request.quantize", interrupted)
    assert main(way) == INTERRUPTED
    assert capsys.readouterr().err == "tvm-espdl: interrupted\n"
    assert not (tmp_path / "q.onnx").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_search_and_measuring_are_seen_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    model = network([node("Gemm", "x w", "y", transB=1)], {"x": (1, 8)}, {"y": (1, 4)},
                    {"w": floats(4, 8)})  # fmt: skip
    quantize_onnx(model, floats(16, 8), progress=None)
    text = sys.stderr.getvalue()
    seen = ("search: methods (1 of 4)", "search: bias (4 of 4)", "measure: compiling",
            "measure: network 1 of", "measure: layers")  # fmt: skip
    places = [text.index(part) for part in seen]
    assert places == sorted(places)
    assert text.endswith(" \r")
    sys.stderr = Terminal()
    quantize_onnx(model, floats(16, 8))
    assert not sys.stderr.getvalue()


def test_options_that_contradict_each_other(way, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*way, "--no_measure", "--measure_all"])
    assert stopped.value.code == 2
    assert "--measure-all: not allowed with argument --no_measure" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--requantize",), "the model is float and quantized as such; without effect: requantize"),
        (("--hold_out", "1000"), "no sample judges the result: it is 1000, and there are 16 samp"),
    ],
)
def test_options_without_effect_are_told(tmp_path, capsys, option, said):
    gemm = network([node("Gemm", "x w", "y")], {"x": (1, 4)}, {"y": (1, 2)}, {"w": floats(4, 2)})
    onnx.save(gemm, tmp_path / "f.onnx")
    np.save(tmp_path / "c.npy", floats(16, 4))
    way = ["quantize", "--input_model", str(tmp_path / "f.onnx"), "--calibrate_dataset",
           str(tmp_path / "c.npy"), "--no_measure", "--output_model"]  # fmt: skip
    assert main([*way, str(tmp_path / "a.onnx"), *option]) == 0
    assert said in " ".join(capsys.readouterr().err.split())
    assert main([*way, str(tmp_path / "b.onnx"), "--hold_out", "16"]) == 0
    assert "warning" not in capsys.readouterr().err
