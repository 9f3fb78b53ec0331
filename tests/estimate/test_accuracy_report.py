"""Accuracy on the page of the estimate: what the quantizer's report measured, and nothing else."""

import json
import re

import pytest
from html_page import Page
from networks import DATA, digits_arrays
from qdq_networks import floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import DataError, EspdlError
from tvm_espdl.estimate import evaluate
from tvm_espdl.files.accuracy_report import read_accuracy
from tvm_espdl.quantize import quantize_onnx

HOSTILE = "a<b>\"&'|"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The digits network, quantized, with the JSON of its report; and where these lie."""
    folder = tmp_path_factory.mktemp("measured")
    data = digits_arrays()["calibration"]
    result = quantize_onnx(DATA / "digits_cnn.onnx", data, recover="rounding")
    result.save(folder / "q.onnx")
    result.report.save(folder / "r.json")
    return result, folder


def test_the_page_holds_accuracy_partition_time_and_memory(measured, tmp_path, capsys):
    result, folder = measured
    page, figures = tmp_path / "p.html", tmp_path / "f.json"
    files = ["--accuracy", str(folder / "r.json"), "--html", str(page), "--json", str(figures)]
    assert main(["evaluate", str(folder / "q.onnx"), *files]) == 0
    source = page.read_text()
    Page(source)
    part = source.split("<h2>Accuracy along the depth</h2>")[1].split("<h2>")[0]
    rows = [row for row in result.report.rows if row.role in ("activation", "output")]
    shown = [row for row in rows if row.cumulative and row.cumulative.snr is not None]
    assert len(shown) > 5
    for row in shown:
        assert f"{row.name}: {row.cumulative.snr:.1f} dB" in part
        if row.own and row.own.snr is not None:
            assert f"{row.name}, its layer alone: {row.own.snr:.1f} dB" in part
    snr = result.report.accuracy.outputs[0].deviation.snr
    assert re.search(rf"<td[^>]*>{snr:.1f}</td>", part)
    for section in ("Time", "Memory over time", "Layers in the order of execution"):
        assert f"<h2>{section}</h2>" in source
    out = " ".join(capsys.readouterr().out.split())
    assert f"held out of calibration: {snr:.1f} dB at least" in out
    content = json.loads(figures.read_text())["accuracy"]
    assert content["outputs"][0]["snr"] == snr
    assert [*content["snr"]] == [row.name for row in shown]


def test_names_that_all_exporters_give_make_no_network_the_same(measured):
    _, folder = measured
    accuracy = read_accuracy(folder / "r.json")
    shared = ["/Relu_output_0", "/Relu_1_output_0", "/GlobalAveragePool_output_0"]
    assert {*shared, "logits"} <= {*accuracy.snr}
    nodes = [node("Conv", "input w", "c"), node("Relu", "c", shared[0]),
             node("Conv", f"{shared[0]} v", "d"), node("Relu", "d", shared[1]),
             node("GlobalAveragePool", shared[1], shared[2]),
             node("Flatten", shared[2], "logits")]  # fmt: skip
    weights = {"w": floats(4, 1, 3, 3), "v": floats(10, 4, 3, 3)}
    model = network(nodes, {"input": (1, 1, 8, 8)}, {"logits": (1, 10)}, weights)
    other = quantize_onnx(model, floats(8, 1, 8, 8), measure=False).model
    with pytest.raises(DataError, match=r"about another network; found: /.*; allowed: tensors of"):
        evaluate(compile_file(other), accuracy=accuracy)
    assert evaluate(compile_file(folder / "q.onnx"), accuracy=accuracy).accuracy is accuracy


def test_another_quantization_of_the_same_network_is_refused(measured, tmp_path, capsys):
    """Other exponents, other widths, or the same exponents and other weights."""
    result, folder = measured
    accuracy = read_accuracy(folder / "r.json")
    data = digits_arrays()["calibration"]
    for number, options in enumerate(
        ({"activations": "minmax"}, {"precision": "int16"}, {"recover": ()})
    ):
        other = quantize_onnx(DATA / "digits_cnn.onnx", data, measure=False, **options)
        assert other.model != result.model
        path = tmp_path / f"{number}.onnx"
        other.save(path)
        assert main(["evaluate", str(path), "--accuracy", str(folder / "r.json")]) == 2
        out, err = capsys.readouterr()
        assert "about another quantization of the same network; found: " in err
        assert accuracy.network in err
        assert not out


def test_a_file_of_esp_dl_says_which_quantization_it_was_written_from(measured, tmp_path):
    _, folder = measured
    accuracy = read_accuracy(folder / "r.json")
    compile_file(folder / "q.onnx").save_espdl(tmp_path / "q.espdl")
    assert evaluate(compile_file(tmp_path / "q.espdl"), accuracy=accuracy).accuracy is accuracy
    other = quantize_onnx(DATA / "digits_cnn.onnx", digits_arrays()["calibration"],
                          activations="minmax", measure=False).model  # fmt: skip
    compile_file(other).save_espdl(tmp_path / "o.espdl")
    with pytest.raises(DataError, match="another quantization of the same network"):
        evaluate(compile_file(tmp_path / "o.espdl"), accuracy=accuracy)


def test_a_report_is_known_again_whatever_the_network_is_made_of(tmp_path):
    """With int16, layers of TVM, several samples at once, and on a chip with other rules."""
    rows = floats(8, 1, 8, 8)
    nodes = [node("Conv", "x w", "a"), node("Sin", "a", "b"), node("Conv", "b v", "y")]
    weights = {"w": floats(4, 1, 3, 3), "v": floats(4, 4, 1, 1)}
    for number, (batch, chip, options) in enumerate(
        ((1, "esp32s3", {}), (2, "esp32p4", {"int16": "*"}), (4, "esp32c3", {}))
    ):
        model = network(nodes, {"x": (batch, 1, 8, 8)}, {"y": (batch, 4, 6, 6)}, weights)
        result = quantize_onnx(model, rows, chip, **options)
        result.save(tmp_path / f"{number}.onnx")
        result.report.save(tmp_path / f"{number}.json")
        accuracy = read_accuracy(tmp_path / f"{number}.json")
        library = compile_file(tmp_path / f"{number}.onnx")
        assert evaluate(library, accuracy=accuracy).accuracy is accuracy


def test_another_network_or_chip_is_refused(measured, tmp_path, capsys):
    _, folder = measured
    accuracy = read_accuracy(folder / "r.json")
    model = network([node("Conv", "a w", "b")], {"a": (1, 3, 8, 8)}, {"b": (1, 4, 6, 6)},
                    {"w": floats(4, 3, 3, 3)})  # fmt: skip
    other = quantize_onnx(model, floats(8, 3, 8, 8), measure=False).model
    with pytest.raises(DataError, match="is about another network"):
        evaluate(compile_file(other), accuracy=accuracy)
    p4 = quantize_onnx(DATA / "digits_cnn.onnx", digits_arrays()["calibration"], "esp32p4",
                       measure=False).model  # fmt: skip
    with pytest.raises(DataError, match=r"is about another chip.*esp32s3.*esp32p4"):
        evaluate(compile_file(p4), accuracy=accuracy)
    way = ["--accuracy", str(folder / "r.json")]
    assert main(["evaluate", str(folder / "q.onnx"), *way, "--compare", "esp32s3"]) == 2
    assert "an option without effect" in capsys.readouterr().err
    way += ["-o", "-O", str(tmp_path / "o.onnx")]
    assert main(["opt_and_eval", "esp32s3", str(DATA / "digits_cnn.onnx"), *way]) == 2
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(accuracy=None), "was not measured"),
        (lambda c: c.pop("accuracy"), "no report of a quantization"),
        (lambda c: c.pop("chip"), "no report of a quantization"),
        (lambda c: c.pop("network"), "no report of a quantization"),
        (lambda c: c.update(tensors=3), "not a list"),
        (lambda c: c["accuracy"].pop("samples"), "no 'samples'"),
        (lambda c: c["accuracy"].update(samples=-1), "not such a number"),
        (lambda c: c["accuracy"]["outputs"][0].pop("name"), "no 'name'"),
        (lambda c: c["accuracy"]["outputs"][0]["deviation"].update(snr="x"), "not a number"),
        (lambda c: c["accuracy"]["outputs"].append(7), "not an object"),
    ],
)
def test_other_files_are_refused(measured, tmp_path, edit, message):
    _, folder = measured
    content = json.loads((folder / "r.json").read_text())
    edit(content)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    with pytest.raises(EspdlError, match=message):
        read_accuracy(path)
    path.write_text("{")
    with pytest.raises(EspdlError, match="cannot be read as JSON"):
        read_accuracy(path)


def test_undefined_figures_and_hostile_names(measured, tmp_path):
    """Names of tensors are escaped, and what is undefined is not drawn."""
    _, folder = measured
    content = json.loads((folder / "r.json").read_text())
    output = content["accuracy"]["outputs"][0]
    content["accuracy"]["outputs"].append(
        {"name": HOSTILE, "deviation": None, "equal": None, "top1": None}
    )
    output["deviation"]["snr"] = None
    drawn = [row for row in content["tensors"] if (row["cumulative"] or {}).get("snr")]
    drawn[0]["name"] = HOSTILE
    drawn[1]["cumulative"]["snr"] = None
    (tmp_path / "r.json").write_text(json.dumps(content))
    accuracy = read_accuracy(tmp_path / "r.json")
    assert len(accuracy.snr) == len(drawn) - 1
    assert "no output with signal and noise" in accuracy.sentence
    estimate = evaluate(compile_file(str(folder / "q.onnx")), accuracy=accuracy)
    source = estimate.html()
    Page(source)
    assert "a<b>" not in source
    assert "a&lt;b&gt;" in source
