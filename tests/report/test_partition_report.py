"""The report: nodes in the model's own order, reasons, warnings, and every form it comes in."""

import json

import numpy as np
import onnx
import pytest
from html_page import Page
from lowered import report as report_on
from networks import digits_arrays, library, quantized_digits
from qdq_builder import QdqBuilder

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import OutputError
from tvm_espdl.program import kernels
from tvm_espdl.quantize.rules import RULES
from tvm_espdl.report.onnx_types import types_with_operator

RNG = np.random.default_rng(2)


@pytest.fixture(scope="module")
def report():
    return library("digits", "esp32s3").report()


def refused_network():
    """A grouped convolution whose float result leaves as well: it cannot be split."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 4, 5, 5])
    w = builder.weights(RNG.integers(-128, 128, (4, 2, 3, 3)).astype(np.int8), -7)
    y = builder.node("Conv", x, w, group=2)
    builder.output(builder.qdq(y, -4))
    builder.output(y)
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


def test_report_says_which_kernel_an_exported_project_calls(report):
    called = {row.operator: row.kernel for row in report.rows}
    assert called == {
        **dict.fromkeys(("conv2d", "depthwise_conv2d", "add", "max_pool2d", "gemm"), "esp-dl"),
        **dict.fromkeys(("quantize", "reshape", "average_pool2d", "dequantize"), "portable"),
        **{"requantize": "esp-dl", "clip": "esp-dl"},
    }
    assert report.kernels == {"esp-dl": 9, "portable": 5, "tvm": 0}
    text = " ".join(str(report).split())
    assert str(report).splitlines()[0].split()[2] == "kernel"
    assert "kernels of an exported project: 9 esp-dl, 5 portable" in text
    assert "portable average_pool2d: ESP-DL's kernel allocates memory at every call" in text
    content = json.loads(report.to_json())
    for call in content["calls"]:
        assert call["kernel"] == called[call["operator"]]
        assert call["why"]
    (node,) = refused_network().report().nodes
    assert (node.defined_by, node.kernel) == ("TVM", "tvm")


def test_operators_that_espdl_lacks_are_not_counted_as_its_own(monkeypatch):
    monkeypatch.setattr(kernels, "is_in_espdl", lambda operator: operator.name != "conv2d")
    report = library("digits", "esp32s3").report()
    found = {(row.operator, row.defined_by) for row in report.rows}
    assert ("conv2d", "tvm-espdl") in found
    assert ("gemm", "ESP-DL") in found
    convolutions = sum(row.operator == "conv2d" for row in report.rows)
    text = " ".join(str(report).split())
    assert f"{14 - convolutions} of 14 calls are operators of ESP-DL" in text
    assert "ESP-DL lacks conv2d;" in text


def test_lines_fit_100_columns(report):
    for text in (str(report), str(refused_network().report())):
        assert max(map(len, text.splitlines())) <= 100


def test_refused_node_has_rule_found_allowed_and_fix():
    report = refused_network().report()
    (node,) = report.nodes
    assert (node.type, node.defined_by) == ("Conv", "TVM")
    (reason,) = (r for r in report.reasons if r.operator == "conv2d")
    assert reason.refusal.rule == "groups_are_one_or_depthwise"
    text = " ".join(str(report).split())
    for part in ("2 groups", "one QuantizeLinear reads", "read it dequantized"):
        assert part in text


def test_overflow_warning_names_layer_bound_and_register(report):
    """The bound of a channel: its bias, and each weight with the largest input, 128."""
    (step,) = (
        step
        for step in library("digits", "esp32s3").program.steps
        if step.outputs[0] == "/c4/Conv_output_0"
    )
    w, b = (array.astype(np.int64) for array in step.constants)
    bounds = np.abs(w).reshape(len(w), -1).sum(axis=1) * 128 + np.abs(b)
    over = int((bounds > 2**19 - 1).sum())
    assert over
    (warning,) = (w for w in report.warnings if "accumulator" in w)
    assert f"{over} of 32 channels of /c4/Conv_output_0 leave the 20-bit accumulator" in warning
    assert f"(up to {bounds.max()}, limit 524287)" in warning
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
    Page(text)
    assert "<h1>Partition report for esp32s3</h1>" in text
    assert "/c4/Conv" in text
    with pytest.raises(OutputError, match="exists"):
        report.to_html(page)


def test_check_command(tmp_path, capsys):
    onnx.save(quantized_digits("esp32s3"), tmp_path / "model.onnx")
    assert main(["check", str(tmp_path / "model.onnx")]) == 0
    assert "14 of 14 calls are operators of ESP-DL" in capsys.readouterr().out
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


def split_network():
    """A split whose second part is quantized at another exponent, and whose third stays float."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 16, 6, 5))
    sizes = builder.constant(np.array([8, 4, 4]))
    first, second, third = builder.node("Split", x, sizes, outputs=3, axis=1)
    builder.output(builder.qdq(first, -4))
    builder.output(builder.qdq(second, -2))
    builder.output(builder.node("Relu", builder.qdq(third, -4)))
    return builder.model()


def test_all_calls_of_a_node_with_several_results_stand_under_it():
    report = report_on(split_network())
    split, relu = report.nodes
    assert (split.type, split.defined_by, split.call.operator) == ("Split", "ESP-DL", "slice")
    assert [row.operator for row in split.others] == ["slice", "slice"]
    assert [row.shape[1] for row in (split.call, *split.others)] == [8, 4, 4]
    assert "slice" not in [row.operator for row in report.added]
    lines = str(report).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith(split.name))
    assert [line.startswith("  and ") for line in lines[place + 1 : place + 4]] == [1, 1, 0]
    assert relu.defined_by == "TVM"
    content = json.loads(report.to_json())
    assert len(content["nodes"][0]["others"]) == 2


def test_layer_normalization_keeps_its_name():
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 6, 16))
    scale = builder.weights(np.full(16, 64, np.int8), -6)
    builder.output(builder.qdq(builder.node("LayerNormalization", x, scale), -4))
    report = report_on(builder.model(17))
    (node,) = report.nodes
    assert (node.defined_by, node.call.operator) == ("ESP-DL", "layer_norm")
    assert {row.operator for row in report.added} == {"quantize", "dequantize"}


def test_every_function_of_tvm_has_a_reason():
    report = report_on(split_network())
    (reason,) = report.reasons
    assert reason.refusal.rule == "is_a_quantized_form"
    assert reason.tensor == report.nodes[1].tensor
    relu = report.nodes[1]
    assert reason.refusal.found == f"{relu.name} (Relu) from float32 to float32"


def test_a_refusal_tells_operators_that_are_not_there_from_those_that_are_not_quantized():
    """Also inside functions that TVM has fused, each node once; one paragraph, all entries."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 4, 6, 5))
    waves = builder.qdq(builder.node("Sin", x), -7)
    inner = builder.node("Sin", builder.node("Relu", builder.node("Sin", waves)))
    errors = builder.qdq(builder.node("Erf", inner), -7)
    builder.output(builder.node("Relu", errors))
    report = report_on(builder.model())
    by_rule = {r.refusal.rule: r.refusal.found for r in report.reasons}
    first, *_, second, erf, relu = report.nodes
    assert by_rule["is_a_quantized_form"] == f"{relu.name} (Relu) from float32 to float32"
    lacking = [r for r in report.reasons if r.refusal.rule == "has_an_operator"]
    assert lacking[0].refusal.found == f"{first.name} (Sin)"
    for node in (report.nodes[1], second, erf):
        assert lacking[1].refusal.found.count(f"{node.name} ({node.type})") == 1
    text = " ".join(str(report).split())
    assert text.count("Neither ESP-DL nor this package has such an operator") == 1
    assert f"not an operator of ESP-DL: {first.name} (Sin); {report.nodes[1].name} (Sin), " in text
    assert len(json.loads(report.to_json())["reasons"]) == 3


def test_all_that_the_quantizer_quantizes_has_an_operator():
    assert set(RULES) - types_with_operator() == set()
    assert not {"Sin", "Erf", "TopK"} & types_with_operator()


def test_equal_refusals_are_one_paragraph_and_two_entries():
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 4, 5, 5])
    names = []
    for _ in range(2):
        w = builder.weights(RNG.integers(-128, 128, (4, 4, 6, 6)).astype(np.int8), -7)
        names.append(builder.node("Conv", x, w, pads=[0, 0, 1, 1], strides=[2, 2]))
        builder.output(builder.qdq(names[-1], -4))
    report = report_on(builder.model())
    assert len(json.loads(report.to_json())["reasons"]) == 2
    text = " ".join(str(report).split())
    listed = ", ".join(f"{reason.tensor} (conv2d)" for reason in report.reasons)
    assert text.count("not an operator of ESP-DL: ") == 1
    assert f"not an operator of ESP-DL: {listed}: " in text


def test_a_node_that_a_rule_refuses_has_that_reason_only():
    assert [r.refusal.rule for r in refused_network().report().reasons] == [
        "groups_are_one_or_depthwise"
    ]


def test_requantize_names_its_cause():
    text = " ".join(str(report_on(split_network())).split())
    assert "slice leaves its result at its input's exponent" in text
    builder = QdqBuilder()
    a, b = builder.quantized_input("a", (1, 4), -4), builder.quantized_input("b", (1, 4), -6)
    builder.output(builder.qdq(builder.node("Add", a, b), -4))
    (warning,) = report_on(builder.model()).warnings
    assert "from exponent -6 to -4, because" in warning
    assert "(add) needs equal exponents" in warning


def test_transpose_inside_names_its_readers():
    """A tensor times its own transpose: one of the two orders has to be made."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 4, 3, 5))
    w = builder.weights(RNG.integers(-128, 128, (6, 4, 1, 1)).astype(np.int8), -7)
    x = builder.qdq(builder.node("Conv", x, w), -4)
    x = builder.node("Reshape", x, builder.constant(np.array([1, 6, 15])))
    x = builder.qdq(x, -4)
    turned = builder.qdq(builder.node("Transpose", x, perm=[0, 2, 1]), -4)
    builder.output(builder.qdq(builder.node("MatMul", turned, x), 0))
    (warning,) = report_on(builder.model()).warnings
    assert "a transpose inside the network" in warning
    assert "(matmul)" in warning
    assert "the model asks for both" in warning
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 4, 3, 5))
    builder.output(builder.qdq(builder.node("MaxPool", x, kernel_shape=[2, 2]), -4))
    assert not report_on(builder.model()).warnings


HOSTILE = "<script>alert('x')</script> & \"<img src=x onerror=y>\""


def test_html_is_one_escaped_page_of_its_own(tmp_path):
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 4, 5, 5])
    w = builder.weights(RNG.integers(-128, 128, (4, 2, 3, 3)).astype(np.int8), -7)
    builder.node("Conv", x, w, group=2)
    builder.nodes[-1].name = builder.nodes[-1].output[0] = HOSTILE
    builder.output(builder.qdq(HOSTILE, -4))
    for report in (report_on(builder.model()), report_on(split_network())):
        path = tmp_path / f"{len(report.nodes)}.html"
        report.to_html(path)
        source = path.read_text()
        text = Page(source).text
        for node in report.nodes:
            assert node.name in text
        for reason in report.reasons:
            assert reason.refusal.sentence in text
            assert reason.refusal.fix in text
        for warning in report.warnings:
            assert warning in text
        assert HOSTILE not in source
