"""`tvm-espdl evaluate`: models of each kind, its files, its limits and their status."""

import json

import onnx
import pytest
from html_page import Page
from networks import library, quantized_digits
from qdq_networks import floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.demo import DATA
from tvm_espdl.errors import EspdlError
from tvm_espdl.estimate import Limits


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def quantized(tmp_path):
    path = tmp_path / "quantized.onnx"
    onnx.save(quantized_digits("esp32s3"), path)
    return path


def test_a_quantized_model_with_its_files(quantized, tmp_path, capsys):
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    assert run("evaluate", quantized, "--json", figures, "--html", page) == 0
    out = capsys.readouterr().out
    content = json.loads(figures.read_text())
    assert content["chip"] == "esp32s3"
    assert 0 < content["milliseconds"] < 100
    assert content["fits"]
    assert out.startswith("esp32s3 at 240 MHz: about ")
    assert "it fits." in " ".join(out.split())
    Page(page.read_text())
    assert run("evaluate", quantized, "--json", figures) == 2  # It is there.
    assert "exists" in capsys.readouterr().err


def test_limits_decide_the_status(quantized, capsys):
    assert run("evaluate", quantized, "--max-ms", 1e6, "--max_ram", "1M", "--max_flash", "1M") == 0
    assert "above the limit" not in capsys.readouterr().out
    assert run("evaluate", quantized, "--max-ms", 1e-3, "--max_ram", "1k") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[-2:]] == ["above the limit"] * 2
    assert "--max_ms 0.001" in lines[-2]
    assert "--max_ram 1024" in lines[-1]


@pytest.mark.parametrize("wrong", ["ten", "-1", "1.5M", "3G"])
def test_what_is_no_number_of_bytes_is_refused(quantized, wrong, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("evaluate", quantized, f"--max_ram={wrong}")
    assert stopped.value.code == 2
    assert "200K" in capsys.readouterr().err


def test_a_float_model_is_as_if_quantized(tmp_path, capsys):
    figures = tmp_path / "figures.json"
    model = DATA / "digits_cnn.onnx"
    assert run("evaluate", model, "--target_chip", "esp32p4", "--json", figures) == 0
    content = json.loads(figures.read_text())
    kernels = {node["kernel"] for node in content["nodes"]}
    assert (content["chip"], kernels) == ("esp32p4", {"esp-dl", "portable"})
    assert "the model is float" in capsys.readouterr().err
    assert run("evaluate", model, "--as_is", "--max_ms", content["milliseconds"]) == 1
    assert "quantize" in capsys.readouterr().out


def test_files_of_esp_dl_and_several_chips(tmp_path, quantized, capsys):
    path = tmp_path / "digits.espdl"
    library("digits", "esp32s3").save_espdl(path)
    assert run("evaluate", path, "--target_chip", "esp32s3") == 0
    capsys.readouterr()
    assert run("evaluate", quantized, "--compare", "esp32s3", "esp32", "--max_ms", 1) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("esp32s3 at 240 MHz")
    assert lines[-2].startswith("esp32 at 240 MHz")
    assert "above the limit" in lines[-1]


def test_several_chips_are_looked_at_before_any_is_estimated(quantized, capsys):
    """What makes no sense on the last one leaves nothing said of the first."""
    for wrong, said in (
        (("--compare", "esp32s3", "esp32s9"), "esp32s9"),
        (("--compare", "esp32s3", "esp32c3", "--cache_line", "64"), "allowed: 32 on esp32c3"),
        (("--compare", "esp32s3", "esp32c3", "--kernels", "esp-dl"), "esp-dl on esp32c3"),
        (("--compare", "esp32p4", "esp32c3", "--weights", "psram"), "esp32c3 has no PSRAM"),
    ):
        assert run("evaluate", quantized, *wrong) == 2
        out, err = capsys.readouterr()
        assert said in err
        assert not out


@pytest.fixture
def partly(tmp_path):
    """A model with an operator of somebody's own between others."""
    foreign = onnx.helper.make_node("Fancy", ["a"], ["b"], "its name", domain="com.example")
    nodes = [node("Conv", "x w", "a"), foreign, node("Relu", "b", "y")]
    model = network(nodes, {"x": (1, 3, 8, 8)}, {"y": (1, 4, 6, 6)}, {"w": floats(4, 3, 3, 3)})
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    onnx.save(model, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_a_model_that_does_not_compile_is_evaluated_without_what_does_not(partly, tmp_path, capsys):
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    assert run("evaluate", partly, "--json", figures, "--html", page) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "its name (Fancy) cannot be compiled and is not in the figures; try:" in out
    assert "or cut the model there (preprocess --outputs a)" in out
    operators = [each["operator"] for each in json.loads(figures.read_text())["nodes"]]
    assert "conv2d" in operators
    assert "its name (Fancy) cannot be compiled" in page.read_text()
    assert run("evaluate", partly, "--max_ms", "1e6") == 1
    assert "operators of the model that are in no figure: 1" in capsys.readouterr().out


def branches(*operators):
    """An If between two functions of `a`."""
    parts = [
        onnx.helper.make_graph(
            [node(operator, "a", f"{operator}_y")], operator, [],
            [onnx.helper.make_tensor_value_info(f"{operator}_y", 1, (1, 4, 6, 6))],
        )
        for operator in operators
    ]  # fmt: skip
    return onnx.helper.make_node("If", ["c"], ["t"], then_branch=parts[0], else_branch=parts[1])


@pytest.mark.parametrize(
    ("inner", "inputs", "why"),
    [
        (node("NonZero", "a", "t"), {}, "t (NonZero) has results whose size depends on values"),
        (node("Unique", "a", "t", sorted=1), {}, "t (Unique) has results whose size depends"),
        (node("TopK", "a k", "t places"), {"k": ((1,), 7)}, "t (TopK) has results whose size"),
        (branches("Relu", "Neg"), {"c": ((), 9)}, "t (If) cannot be compiled"),
    ],
)
def test_what_no_static_program_has_is_left_out_too(inner, inputs, why, tmp_path, capsys):
    """Sizes that depend on values, and control flow: the rest is evaluated, and these are named."""
    nodes = [node("Conv", "x w", "a"), inner, node("Cast", "t", "f", to=1), node("Neg", "f", "y")]
    model = network(nodes, {"x": (1, 3, 8, 8)}, {}, {"w": floats(4, 3, 3, 3)})
    for name, (shape, dtype) in inputs.items():
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, dtype, shape))
    result = onnx.helper.make_empty_tensor_value_info("y")
    result.type.tensor_type.elem_type = 1
    model.graph.output.append(result)
    onnx.save(model, tmp_path / "m.onnx")
    figures = tmp_path / "f.json"
    assert run("evaluate", tmp_path / "m.onnx", "--json", figures, "--max_ms", "1e6") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert why in out
    assert "(preprocess --outputs a)" in out
    assert "operators of the model that are in no figure: 1" in out
    assert "conv2d" in [each["operator"] for each in json.loads(figures.read_text())["nodes"]]


def test_no_chip_keeps_a_limit_with_a_part_of_a_model(partly, capsys):
    assert run("evaluate", partly, "--compare", "esp32s3", "esp32p4", "--max_ms", "1e6") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].strip() for line in lines[1::2]] == ["above the limit"] * 2


@pytest.mark.parametrize("option", ["--max_ms", "--clock_mhz", "--flash_mbps"])
@pytest.mark.parametrize("number", ["nan", "inf", "1_0", "x"])
def test_numbers_are_finite(quantized, option, number, capsys):
    with pytest.raises(SystemExit) as ended:
        run("evaluate", quantized, option, number)
    assert ended.value.code == 2
    assert f"{number!r}" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--max_ms", "0"), "--max_ms: no limit; found: 0.0; allowed: a number above 0"),
        (("--max_ms", "-1"), "--max_ms: no limit"),
        (
            ("--cache_line", "3"),
            "--cache_line: no such setting; found: 3; allowed: 16, 32, 64 on esp32s3",
        ),
        (("--cache_line", "48"), "found: 48; allowed: 16, 32, 64 on esp32s3"),
        (("--target_chip", "esp32c3", "--cache_line", "64"), "found: 64; allowed: 32 on esp32c3"),
        (("--clock_mhz", "1e30"), "found: 1e+30; allowed: a number from 10 to 240 on esp32s3"),
        (("--data_cache_kb", "1000000"), "--data_cache_kb: no such setting"),
        (("--target_chip", "esp32c3", "--kernels", "esp-dl"), "not counted"),
        (("--calibrate", "log", "--calibration", "x", "--json", "x"), "two outputs in one place"),
        (("--tensors", "psram", "--internal_ram", "100K"), "--internal_ram: an option without"),
        (("--compare", "esp32s3", "--html", "page.html"), "--html: an option without effect"),
        (("--compare", "esp32s3", "--target_chip", "esp32p4"), "--target_chip: an option without"),
    ],
)
def test_what_makes_no_sense_is_one_message(quantized, wrong, said, capsys):
    assert run("evaluate", quantized, *wrong) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert not out


def test_a_limit_in_python_is_one_too():
    with pytest.raises(EspdlError, match="--max_flash: no limit; found: -1"):
        Limits(flash=-1)


@pytest.mark.parametrize("command", ["evaluate", "check"])
def test_a_float_model_without_anything_to_quantize(command, tmp_path, capsys):
    onnx.save(network([node("Tan", "x", "y")], {"x": (1, 4)}, {"y": (1, 4)}), tmp_path / "m.onnx")
    assert run(command, tmp_path / "m.onnx") == 2
    error = capsys.readouterr().err
    assert "Tan (no rule quantizes this operator)" in error
    assert "or --as_is, which shows it as it is" in error
    assert run(command, tmp_path / "m.onnx", "--as_is") == 0
