"""The report: nodes in the model's own order, reasons, warnings, and every form it comes in."""

import json
from html.parser import HTMLParser

import numpy as np
import onnx
import pytest
from networks import digits_arrays, library, quantized_digits
from qdq_builder import QdqBuilder

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import OutputError

RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def report():
    return library("digits", "esp32s3").report()


def refused_network():
    """A grouped convolution, which ESP-DL has no kernel for."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 4, 5, 5])
    w = builder.weights(RNG.integers(-128, 128, (4, 2, 3, 3)).astype(np.int8), -7)
    y = builder.node("Conv", x, w, group=2)
    builder.output(builder.qdq(y, -4))
    return compile_file(builder.model())


def test_nodes_are_the_models_own(report):
    graph = quantized_digits("esp32s3").graph
    expected = [
        (node.name, node.op_type)
        for node in graph.node
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear", "Constant")
    ]
    assert [(node.name, node.type) for node in report.nodes] == expected
    by_name = {node.name: node for node in report.nodes}
    assert by_name["/c1/Conv"].call is by_name["/Relu"].call
    assert by_name["/Relu"].fused
    assert not by_name["/c1/Conv"].fused
    assert by_name["/fc/Gemm"].call.operator == "gemm"
    assert {row.operator for row in report.added} == {
        "quantize",
        "reshape",
        "requantize",
        "dequantize",
    }


def test_totals_add_up(report):
    for what in ("macs", "bytes"):
        total = sum(report.totals[place][what] for place in ("ESP-DL", "TVM"))
        assert total == sum(getattr(row, what) for row in report.rows)
    filters = {"/c1": 9 * 16, "/dw": 9 * 16, "/pw": 16 * 32}
    assert report.totals["ESP-DL"]["macs"] == 64 * sum(filters.values()) + 16 * 9 * 1024 + 320


def test_lines_fit_100_columns(report):
    for text in (str(report), str(refused_network().report())):
        assert max(map(len, text.splitlines())) <= 100


def test_refused_node_has_rule_found_allowed_and_fix():
    report = refused_network().report()
    (node,) = report.nodes
    assert (node.type, node.runs_on) == ("Conv", "TVM")
    (reason,) = (r for r in report.reasons if r.operator == "conv2d")
    assert reason.refusal.rule == "groups_are_one_or_depthwise"
    text = " ".join(str(report).split())
    for part in ("2 groups", "1 group, or depthwise", "split the convolution"):
        assert part in text


def test_overflow_warning_names_layer_bound_and_register(report):
    (warning,) = (w for w in report.warnings if "accumulator" in w)
    assert warning.startswith("/c4/Conv_output_0: 25 of 32 channels")
    assert "20-bit" in warning
    assert "524287" in warning
    assert not any("accumulator" in w for w in library("digits", "esp32").report().warnings)


def test_saturation_warning_needs_samples():
    network = library("digits", "esp32s3")
    assert not any("at the limits" in warning for warning in network.report().warnings)
    loud = digits_arrays()["images"][:1] * np.float32(100)
    assert any("input: " in w and "limits" in w for w in network.report(loud).warnings)


def test_json_and_html(report, tmp_path):
    content = json.loads(report.to_json())
    assert content["chip"] == "esp32s3"
    assert [row["tensor"] for row in content["calls"]] == [row.tensor for row in report.rows]
    assert report.to_json() == library("digits", "esp32s3").report().to_json()

    page = tmp_path / "report.html"
    report.to_html(page)
    text = page.read_text()
    HTMLParser().feed(text)
    assert "src=" not in text
    assert "href=" not in text
    assert "/c4/Conv" in text
    with pytest.raises(OutputError, match="exists"):
        report.to_html(page)


def test_check_command(tmp_path, capsys):
    onnx.save(quantized_digits("esp32s3"), tmp_path / "model.onnx")
    assert main(["check", str(tmp_path / "model.onnx")]) == 0
    assert "14 of 14 calls on ESP-DL" in capsys.readouterr().out
    arguments = [
        "check",
        str(tmp_path / "model.onnx"),
        "--json",
        "--html",
        str(tmp_path / "r.html"),
    ]
    assert main([*arguments, "--target_chip", "esp32p4"]) == 0
    assert json.loads(capsys.readouterr().out)["chip"] == "esp32p4"
    assert (tmp_path / "r.html").is_file()
    assert main(arguments) == 2


def test_modules_of_other_importers_get_a_report_of_calls():
    from tvm import relay
    from tvm.relax.frontend.onnx import from_onnx

    mod = from_onnx(quantized_digits("esp32s3"), keep_params_in_input=False)
    network = relay.build(mod)
    report = network.report()
    assert report.nodes == ()
    assert "conv2d" in str(report)
    x = digits_arrays()["images"][:1]
    assert network(x).argmax() == digits_arrays()["labels"][0]
