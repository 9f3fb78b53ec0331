"""`tvm-espdl opt_and_eval` and `python -m tvm_espdl.opt_and_eval`: what they write, and refuse."""

import json
import runpy
import shutil
import sys

import onnx
import pytest
from html_page import Page
from networks import quantized_digits
from qdq_networks import floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.demo import DATA


@pytest.fixture
def model(tmp_path):
    return shutil.copy(DATA / "digits_cnn.onnx", tmp_path / "net.onnx")


def run(*arguments):
    return main(["opt_and_eval", *map(str, arguments)])


def test_both_by_default_and_nothing_is_overwritten(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["opt_and_eval", "esp32s3", str(model), "-P"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("tvm_espdl.opt_and_eval", run_name="__main__")
    assert ended.value.code == 0
    optimized, page = tmp_path / "net.opt.onnx", tmp_path / "net.report.html"
    onnx.checker.check_model(onnx.load(optimized))
    Page(page.read_text())
    out = capsys.readouterr().out
    calls = [line for line in out.splitlines() if " esp-dl " in line or " portable " in line]
    assert "quantize" in calls[0]  # -P: all of them, in their order.
    assert "dequantize" in calls[-1]
    before = optimized.read_bytes(), page.read_bytes()
    assert run("esp32s3", model) == 2
    assert (optimized.read_bytes(), page.read_bytes()) == before


def test_one_of_both_where_it_is_told(model, tmp_path):
    assert run("esp32p4", model, "-o", "-O", tmp_path / "own.onnx") == 0
    folder, figures = tmp_path / "reports", tmp_path / "figures.json"
    folder.mkdir()
    limited = ("--max_ms", "1e-6", "--json", figures)
    assert run("esp32p4", model, "-e", "-E", folder, *limited) == 1
    assert json.loads(figures.read_text())["chip"] == "esp32p4"
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert written == {"net.onnx", "own.onnx", "reports/net.report.html", "figures.json"}


@pytest.mark.parametrize("named", ["x:1,3,12,12", "1,3,12,12"])
def test_shapes_that_the_model_leaves_open_are_given(tmp_path, named, capsys):
    """With the input's name, or without of the only one."""
    model = network([node("Conv", "x w", "y")], {"x": (1, 3, 8, 8)}, {"y": (1, 4, 6, 6)},
                    {"w": floats(4, 3, 3, 3)})  # fmt: skip
    for value in (model.graph.input[0], model.graph.output[0]):
        for dim in value.type.tensor_type.shape.dim[2:]:
            dim.dim_param = "extent"
    onnx.save(model, tmp_path / "net.onnx")
    assert run("esp32s3", tmp_path / "net.onnx") == 2
    assert "--input_shape x:1,3," in capsys.readouterr().err
    figures = tmp_path / "figures.json"
    assert run("esp32s3", tmp_path / "net.onnx", "--input_shape", named, "--json", figures) == 0
    shapes = [each["shape"] for each in json.loads(figures.read_text())["nodes"]]
    assert [1, 10, 10, 4] in shapes


def test_quantized_models_are_evaluated_only(tmp_path, capsys):
    path = tmp_path / "quantized.onnx"
    onnx.save(quantized_digits("esp32s3"), path)
    assert run("esp32s3", path) == 0
    assert "evaluated only (-e)" in capsys.readouterr().err
    assert not (tmp_path / "quantized.opt.onnx").exists()
    for option in ("-o", "--deep-search"):
        assert run("esp32s3", path, option) == 2
        assert "nothing to clean up" in capsys.readouterr().err


def test_a_deep_search_takes_the_best_of_its_trials(model, tmp_path, capsys):
    assert run("esp32s3", model, "--deep-search", "--no-check") == 0
    lines = capsys.readouterr().out.splitlines()
    trials = [line for line in lines if "; export --weights" in line]
    times = [float(line.split(" ms")[0]) for line in trials]
    assert times == sorted(times)
    assert len(trials) == 12  # With an optional step or without, two memories, three preferences.
    assert (tmp_path / "net.opt.onnx").exists()


def test_a_deep_search_tries_what_a_chip_without_vectors_has(model, capsys):
    assert run("esp32c3", model, "--deep-search", "--no-check") == 0
    trials = capsys.readouterr().out.split("; export --weights")[1:]
    assert len(trials) == 4  # One memory; ESP-DL's kernels in C were never counted.
    assert all("esp-dl" not in trial.splitlines()[0] for trial in trials)
    assert run("esp32c3", model, "--deep-search", "--kernels", "esp-dl", "-O", "x", "-E", "y") == 2
    assert "not counted" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--clock_mhz", "1e30"), ("--cache_line", "5"), ("-e", "-o")])
def test_settings_are_looked_at_before_the_model(model, tmp_path, wrong, capsys):
    try:
        assert run("esp32s3", model, *wrong) == 2
    except SystemExit as ended:
        assert ended.code == 2
    assert not capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            ("-o", "-e"),
            ("-o", "-E", "x.html"),
            ("-e", "-O", "x.onnx"),
            ("--deep-search", "--as_is"),
        ),
        *(("-o", "-E", ""), ("-e", "-O", ""), ("-E", "")),
    ],
)
def test_options_that_exclude_each_other(model, wrong, capsys):
    try:
        status = run("esp32s3", model, *wrong)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert capsys.readouterr().err
