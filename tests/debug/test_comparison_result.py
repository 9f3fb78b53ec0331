"""The account of a comparison: figures, rows, layers, text, JSON, page; whole or not at all."""

import json
import math

import numpy as np
import onnx
import pytest
from board_log import board_log
from broken_networks import board_of, residual, sample_of, signals, step_of
from html_page import Page
from networks import quantized_digits
from qdq_builder import QdqBuilder

from tvm_espdl import debug
from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.debug.measuring import difference, signal_to_noise
from tvm_espdl.debug.monitor_log import parse_log
from tvm_espdl.debug.statistics import statistics_of
from tvm_espdl.errors import OutputError

SHAPE = (1, 4, 2, 2)


def changed(tensors, name, at, by=1):
    found = {n: a.copy() for n, a in tensors.items()}
    found[name].ravel()[at] += by
    return found


def test_figures_of_a_difference():
    pc = np.zeros((1, 2, 3, 4), np.int8)
    pc[0, 1] = 3
    board = pc.copy()
    board[0, 1, 0, 2], board[0, 1, 2, 3] = -4, 4
    found = difference("t", board, pc, "NHWC")
    assert (found.count, found.elements, found.share) == (2, 24, 2 / 24)
    assert (found.first, found.index, found.axes) == (14, (0, 1, 0, 2), "NHWC")
    assert (found.board, found.pc, found.largest) == (-4, 3, 7)
    assert found.snr_db == pytest.approx(10 * math.log10(12 * 9 / (7 * 7 + 1)))
    assert "2 of 24 values differ (8.33%), first at (0, 1, 0, 2) (n, h, w, c)" in str(found)
    assert "largest difference 7 steps, SNR 3.3 dB" in str(found)
    assert difference("t", pc, pc) is None


def test_extremes_of_the_signal_to_noise():
    zeros, ones = np.zeros(4), np.ones(4)
    assert signal_to_noise(ones, zeros) == math.inf
    assert signal_to_noise(zeros, zeros) == math.inf
    assert signal_to_noise(zeros, ones) == -math.inf
    assert math.isnan(signal_to_noise(np.array([np.nan, 1]), ones[:2]))
    # Integers of 16 bits would overflow in their own type.
    wide = difference("t", np.full(4, -32768, np.int16), np.full(4, 32767, np.int16))
    assert wide.largest == 65535 and wide.snr_db == pytest.approx(-6.02, abs=0.01)
    floats = np.array([0.0, np.nan, 1.0], np.float32)
    assert difference("t", floats, floats.copy()) is None
    found = difference("t", np.array([-0.0, np.nan, np.inf], np.float32), floats)
    assert (found.count, found.first, found.in_steps) == (2, 0, False)
    assert "steps" not in str(found)


@pytest.mark.parametrize("network", [residual, signals])
def test_rows_are_in_the_order_of_execution(network):
    network = network()
    sample = sample_of(network)
    result = debug.compare(network, network.observe(sample), sample)
    numbers = [row.layer.number for row in result.rows if row.layer is not None]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(network.program.steps)
    assert {row.status for row in result.rows} == {"equal"}
    assert all(row.snr_db == math.inf for row in result.rows)
    of_conv = next(row for row in result.rows if row.layer and row.layer.number == 2)
    assert len(of_conv.axes) == len(of_conv.shape) and of_conv.axes.endswith("C")
    assert len(of_conv.layer.nodes) == 2
    assert result.first is None and result.first_layer is None and result.faults == ()


def test_first_is_the_first_that_runs(tmp_path):
    """The names' own order, that of the dump and that of execution are all different ones."""
    network = residual()
    sample = sample_of(network)
    board = network.observe(sample)
    names = [step.outputs[0] for step in network.program.steps]
    for name in names[3:6]:
        board = changed(board, name, 0)
    backwards = dict(reversed(board.items()))
    result = debug.compare(network, backwards, sample)
    assert result.first.tensor == names[3]
    assert [d.tensor for d in result.differences] == names[3:6]
    assert str(result.first_layer).startswith("layer 3, depthwise_conv2d (")


def test_a_tensor_without_inputs_in_the_dump_is_one_of_several():
    network = residual()
    sample = sample_of(network)
    names = [step.outputs[0] for step in network.program.steps]
    board = changed(network.observe(sample), names[4], 7)
    few = {name: board[name] for name in (names[2], names[4], names[-1])}
    (fault,) = debug.compare(network, few, sample).faults
    assert fault.verdict == "unknown" and [s.number for s in fault.suspects] == [3, 4]
    assert fault.explanations == ()


def test_what_an_unknown_tensor_leads_to_cannot_be_told(tmp_path):
    """Only checksums: which differs first is known, and of the next one nothing."""
    network = residual()
    sample = sample_of(network)
    fault = lambda step, inputs, right: np.maximum(right, 1)  # noqa: E731
    step = step_of(network, "conv2d", 1)
    log = tmp_path / "monitor.log"
    board = board_of(network, sample, step.outputs[0], fault)
    log.write_text(board_log(network.program, board, with_data=lambda name: name == "image"))
    result = debug.compare(network, log, sample)
    first, *others = result.faults
    assert (first.tensor, first.verdict) == (step.outputs[0], "culprit")
    assert {fault.verdict for fault in others} == {"unknown"}
    assert "is not in the dump" in str(result)


def test_a_checksum_is_enough_for_an_explanation(tmp_path):
    network = residual()
    sample = sample_of(network)
    step = step_of(network, "conv2d", 1)
    w, b = step.constants

    def fault(step, inputs, right):
        return step.operator.reference(network.chip, *inputs, w, np.zeros_like(b))

    log = tmp_path / "monitor.log"
    board = board_of(network, sample, step.outputs[0], fault)
    log.write_text(board_log(network.program, board, with_data=lambda name: name == "image"))
    (culprit,) = debug.compare(network, log, sample).culprits
    assert [one.name for one in culprit.explanations] == ["bias_missing"]
    assert culprit.statistics == ()


def test_tensors_of_another_run_are_noted():
    network = residual()
    runs = [network.observe(sample_of(network, seed)) for seed in (1, 2)]
    names = [step.outputs[0] for step in network.program.steps]
    board = {**runs[0], names[3]: runs[1][names[3]]}
    result = debug.compare(network, board, sample_of(network, 1))
    assert result.culprits[0].tensor == names[3]
    assert any("different runs" in note for note in result.notes)


def hostile():
    builder = QdqBuilder()
    name = '<script>alert("x")</script>\x1b[2J\n0 differ'
    builder.output(builder.qdq(builder.node("Relu", builder.quantized_input(name, SHAPE)), -4))
    return compile_file(builder.model(), "esp32s3")


def test_hostile_names_are_shown_and_never_obeyed(tmp_path):
    network = hostile()
    sample = [np.linspace(-9, 9, 16, dtype=np.float32).reshape(SHAPE)]
    board = network.observe(sample)
    name = next(n for n in board if "script" in n and board[n].dtype == np.int8)
    result = debug.compare(network, changed(board, name, 5, 3), sample)
    page = Page(result.html())
    assert "<script>" not in result.html() and "<script>" in page.text
    for text in (str(result), result.html(), page.text):
        assert "\x1b" not in text
    assert "0 differ" not in str(result).splitlines()
    assert json.loads(result.to_json())["first"] == name


@pytest.mark.parametrize("network", [residual, signals])
def test_the_page_shows_a_map_of_what_differs(network, tmp_path):
    network = network()
    sample = sample_of(network)
    step = next(s for s in network.program.steps if hasattr(s.operator, "product_exponents"))
    board = changed(network.observe(sample), step.outputs[0], 17, 4)
    result = debug.compare(network, board, sample)
    result.to_html(tmp_path / "page.html")
    source = (tmp_path / "page.html").read_text()
    page = Page(source)
    assert page.tags.count("svg") == 1 and source.count("<path") == 1
    channels = board[step.outputs[0]].shape[-1]
    titles = sum(f">c {n}: " in source for n in range(channels))
    assert titles in (channels, 0)
    assert str(result.first_layer) in page.text and "culprit" in page.text
    assert result.html() == source
    equal = debug.compare(network, network.observe(sample), sample)
    assert "svg" not in Page(equal.html()).tags
    with pytest.raises(OutputError, match="exists already"):
        result.to_html(tmp_path / "page.html")


def test_large_tensors_have_small_pictures():
    from tvm_espdl.debug.picture import heat_maps

    rng = np.random.default_rng(3)
    for shape, axes in (((1, 300, 200, 70), "NHWC"), ((1, 5000, 8), "NWC"), ((100_000,), "")):
        values = rng.integers(-100, 100, shape).astype(np.float64)
        values.ravel()[7] = np.nan
        assert len(heat_maps("t", values, axes)) < 1_500_000
        assert heat_maps("t", values, axes) == heat_maps("t", values, axes)


def test_json_holds_every_row(tmp_path):
    network = signals()
    sample = sample_of(network)
    step = step_of(network, "mul")
    result = debug.compare(network, changed(network.observe(sample), step.outputs[0], 3), sample)
    text = result.to_json(tmp_path / "found.json")
    assert (tmp_path / "found.json").read_text() == text
    found = json.loads(text)
    rows = {row["tensor"]: row for row in found["tensors"]}
    assert len(rows) == len(result.rows) and found["ok"] is False
    row = rows[step.outputs[0]]
    assert row["difference"]["index"] == [0, 0, 3] and row["axes"] == "NWC"
    assert row["fault"]["verdict"] == "culprit" and row["layer"]["operator"] == "mul"
    assert found["first"] == step.outputs[0] and found["own_input"] is False


def told(board, right, axes="NHWC", lanes=16):
    return " | ".join(statistics_of(board, right, axes, lanes))


def test_statistics_say_what_is_peculiar():
    right = np.zeros((1, 6, 5, 40), np.int8)
    board = right.copy()
    board[..., 16:32] = 1
    text = told(board, right)
    assert "480 of 1200 values differ (40.00%)" in text and "+1: 480" in text
    assert "16 of 40 channels are hit: 16 to 31" in text and "larger in all" in text
    assert "exactly whole vectors of 16 channels are hit: 1" in text
    board = right.copy()
    board[..., 33] = -3
    text = told(board, right)
    assert "only channels behind the last whole vector of 16" in text and "-3" in text
    board = right.copy()
    board[0, 0], board[0, :, 4] = 5, -5
    text = told(board, right)
    assert "only at the border" in text and "all 40 channels are hit" in text
    board = right.copy()
    board[0, 2, 3, 1:3] = 127, -128
    text = told(board, right)
    assert "saturated" in text and "1 of 6 rows are hit: 2" in text
    floats = np.array([1.0, 2.0, 4.0], np.float32)
    text = told(floats * np.float32([1, 1.5, np.nan]), floats, "", 0)
    assert "2 of 3 values differ" in text and "1 infinite values or NaN" in text
    assert statistics_of(right, right, "NHWC", 16) == ()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "quantized.onnx"
    onnx.save(quantized_digits("esp32s3"), path)
    return path


def test_the_command_writes_page_and_json(model, network, tensors, tmp_path, capsys):
    wrong = changed(tensors, "/Relu_output_0", 40)
    (tmp_path / "monitor.log").write_text(board_log(network.program, wrong))
    command = ["compare", "--model_path", str(model), "--dump", str(tmp_path / "monitor.log")]
    outputs = [tmp_path / "found.json", tmp_path / "found.html"]
    command += ["--json", str(outputs[0]), "--html", str(outputs[1])]
    assert main(command) == 1
    assert "culprit: /Relu_output_0, layer 2, conv2d (/c1/Conv, /Relu)" in capsys.readouterr().out
    assert json.loads(outputs[0].read_text())["first"] == "/Relu_output_0"
    Page(outputs[1].read_text())
    # Nothing is overwritten, and where one cannot be written, neither is.
    assert main(command) == 2
    outputs[0].unlink()
    assert main(command) == 2 and not outputs[0].exists()
    assert main([*command[:-2], "--html", str(outputs[0])]) == 2 and not outputs[0].exists()


def test_the_command_tries_the_mean_that_it_is_told(model, network, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(5).integers(0, 256, (8, 8), np.uint8)
    image.fromarray(pixels).save(tmp_path / "x.png")
    once = (pixels[None, None].astype(np.float32) / 255 - np.float32(0.37)) / np.float32(0.61)
    twice = (once - np.float32(0.37)) / np.float32(0.61)
    log = board_log(network.program, network.run_with_intermediates(twice))
    (tmp_path / "monitor.log").write_text(log)
    command = ["compare", "--model_path", str(model), "--dump", str(tmp_path / "monitor.log")]
    command += ["--input", str(tmp_path / "x.png"), "--mean", "0.37", "--std", "0.61"]
    assert main(command) == 1
    printed = capsys.readouterr().out
    assert "culprit: input, layer 0, quantize" in printed
    assert "Here: mean 0.37 and std 0.61 twice." in printed


def test_of_a_checksum_nothing_is_said_to_be_peculiar(network, tensors):
    wrong = {**tensors, "/Clip_output_0": tensors["/Clip_output_0"] ^ 1}
    log = board_log(network.program, wrong, with_data=lambda name: name == "input")
    lines = str(debug.compare(network, parse_log(log))).splitlines()
    found = [line for line in lines if "no known explanation" in line]
    assert found and all(line.endswith("fits all values") for line in found)
