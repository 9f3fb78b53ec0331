"""The report's forms, its warnings, what it counts as clipped, and how it is written."""

import json

import numpy as np
import pytest
from html_page import Page
from qdq_networks import PLAIN, floats, network, node, quantize

from tvm_espdl.cli import main
from tvm_espdl.demo import DATA
from tvm_espdl.errors import OutputError
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.histogram import Histogram
from tvm_espdl.quantize.report import QuantizationReport
from tvm_espdl.quantize.report.clipping import bars_of, clipped_shares

SEED = 72


def awkward():
    """Names that markup would trip over."""
    nodes = [node("Conv", 'x "w"&<', "t"), node("Relu", "t", "<b>u</b>"),
             node("Cos", "<b>u</b>", "y&amp;")]  # fmt: skip
    constants = {'"w"&<': floats(4, 3, 3, 3)}
    return network(nodes, {"x": (1, 3, 8, 8)}, {"y&amp;": (1, 4, 6, 6)}, constants)


@pytest.fixture(scope="module")
def report():
    return quantize_onnx(awkward(), floats(16, 3, 8, 8)).report


def test_html_is_whole_and_escaped(report):
    page = Page(report.to_html())
    for name in ('"w"&<', "<b>u</b>", "y&amp;"):
        assert name in page.text
    assert "b" not in page.tags
    assert page.tags.count("svg") == sum(row.bars is not None for row in report.rows) == 2
    assert page.tags.count("line") == 4
    assert page.tags[:4] == ["html", "head", "meta", "title"]


def test_limits_are_drawn_where_they_belong(report):
    page = report.to_html()
    row = next(row for row in report.rows if row.name == "x")
    limits = [-128 * 2.0 ** row.exponents[0], 127 * 2.0 ** row.exponents[0]]
    reach = max(row.bars.reach, -limits[0]) * 1.02
    drawing = page[page.index("<svg") : page.index("</svg>")]
    places = [float(part.split('"')[0]) for part in drawing.split('x1="')[1:]]
    assert places == pytest.approx([120 * (1 + limit / reach) for limit in limits], abs=0.051)


def test_text_fits(report):
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "quantized for esp32s3, activations: mse, 12 samples, weights: output"
    assert lines[1] == "accuracy with the chip's bits on 4 samples (held out):"
    assert lines[-1].split() == ["float:", "Cos", "Cos_2"]


def keys(content):
    if isinstance(content, dict):
        return {name: keys(value) for name, value in content.items()}
    return [keys(content[0])] if isinstance(content, list) and content else None


def test_json_has_the_same_keys_for_every_network(report):
    content = json.loads(report.to_json())
    assert list(content) == [
        *("chip", "activations", "weights", "samples", "accuracy", "network", "unmeasured"),
        *("steps", "worst", "tradeoff", "footprint", "loss", "notes", "warnings", "advice"),
        *("tensors", "left_float"),
    ]
    assert content["accuracy"]["samples"] == 4
    tensors = {tensor["name"]: tensor for tensor in content["tensors"]}
    for row in report.rows:
        assert tensors[row.name]["exponents"] == list(row.exponents)
    assert sum(tensors["x"]["histogram"]["counts"]) == 12 * 3 * 8 * 8
    assert tensors["<b>u</b>"]["own"]["snr"] == report.worst[0].own.snr
    empty = QuantizationReport("esp32", "as they are", 0, (), ())
    assert list(json.loads(empty.to_json())) == list(content)
    assert str(empty).startswith("taken as it is for esp32: quantized already")
    Page(empty.to_html())


def test_save_by_ending(report, tmp_path):
    for ending, text in (("txt", f"{report}\n"), ("json", report.to_json()),
                         ("HTML", report.to_html())):  # fmt: skip
        path = tmp_path / f"report.{ending}"
        report.save(path)
        assert path.read_text() == text
        with pytest.raises(OutputError, match="exists already"):
            report.save(path)
        report.save(path, overwrite=True)
    with pytest.raises(OutputError, match=r"no form of report; found: \.pdf; allowed: \.txt"):
        report.save(tmp_path / "report.pdf")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("rounding", ["half_up", "half_even"])
@pytest.mark.parametrize("exponent", range(-10, 1))
def test_clipped_values_are_counted_exactly(rounding, exponent):
    rng = np.random.default_rng(SEED)
    ties = np.array([limit * 2.0**exponent for limit in (-128.5, -128.0, 127.0, 127.5)])
    values = np.concatenate([rng.normal(size=5000), ties, np.zeros(50)]).astype(np.float32)
    histogram = Histogram()
    histogram.add(values)
    scaled = values.astype(float) / 2.0**exponent
    whole = np.floor(scaled + 0.5) if rounding == "half_up" else np.rint(scaled)
    expected = np.mean((whole < -128) | (whole > 127))
    least, most = clipped_shares(histogram, exponent, 8, rounding)
    assert least <= expected <= most, f"seed {SEED}"
    if histogram.range_exponent <= exponent + 11:
        assert least == expected == most
    bars = bars_of(histogram)
    assert (sum(bars.counts), bars.zeros) == (5004, 50)


def test_clipping_of_int16_is_bounded():
    values = np.random.default_rng(SEED).normal(size=5000).astype(np.float32)
    histogram = Histogram()
    histogram.add(values)
    for exponent in (-15, -16, -17):
        scaled = np.floor(values.astype(float) / 2.0**exponent + 0.5)
        expected = np.mean((scaled < -32768) | (scaled > 32767))
        least, most = clipped_shares(histogram, exponent, 16, "half_up")
        assert 0 < least <= expected <= most < least + 0.002, f"seed {SEED}"
    assert clipped_shares(histogram, -10, 16, "half_up") == (0.0, 0.0)
    assert clipped_shares(Histogram(), -10, 8, "half_up") == (0.0, 0.0)


def warnings_of(model, samples=None, chip="esp32s3", **options):
    return quantize(model, samples, chip, **options)[0].report.warnings


def test_weights_that_are_zero_or_become_zero():
    weight = floats(4, 3, 3, 3)
    weight[1], weight[2] = 0, 1e-6
    model = network([node("Conv", "x w", "y")], {"x": (1, 3, 4, 4)}, {"y": (1, 4, 2, 2)},
                    {"w": weight})  # fmt: skip
    assert warnings_of(model) == (
        "w: 1 of 4 output channels have only zero weights",
        "w: the weights of 1 of 4 output channels round to zero, because others are much larger",
    )
    assert warnings_of(model, chip="esp32p4") == (
        "w: 1 of 4 output channels have only zero weights",
    )
    model = network([node("MatMul", "x w", "y")], {"x": (1, 3)}, {"y": (1, 4)},
                    {"w": np.diag([1.0, 2.0, 0.0, 1.0]).astype(np.float32)[:3]})  # fmt: skip
    assert warnings_of(model) == ("w_transposed: 2 of 4 output channels have only zero weights",)
    turned = np.zeros((3, 2, 2, 2), dtype=np.float32)
    turned[0, 1] = 1.0
    model = network([node("ConvTranspose", "x w", "y")], {"x": (1, 3, 4, 4)},
                    {"y": (1, 2, 5, 5)}, {"w": turned})  # fmt: skip
    assert warnings_of(model) == ("w: 1 of 2 output channels have only zero weights",)


def test_requantized_inputs_are_told():
    # r is read by two operators; the sum has a larger range than r.
    nodes = [node("Sigmoid", "x", "r"), node("Exp", "r", "e"), node("Mul", "e k", "m"),
             node("Add", "r m", "y", name="sum")]  # fmt: skip
    model = network(nodes, {"x": (1, 8)}, {"y": (1, 8)}, {"k": np.float32(20)})
    result, q = quantize(model)
    after = q.after(q.one("Add"))
    text = f"r: requantized from exponent -7 to {after} for Add sum"
    assert result.report.warnings == (text,)


def test_saturation_is_told():
    nodes = [node("Gemm", "x w", "t", transB=1), node("Clip", "t lo hi", "y")]
    constants = {"w": floats(4, 8), "lo": np.float32(-0.1), "hi": np.float32(0.1)}
    model = network(nodes, {"x": (1, 8)}, {"y": (1, 4)}, constants)
    samples = floats(40, 8)
    report = quantize(model, samples)[0].report
    row = next(row for row in report.rows if row.name == "t")
    products = samples.astype(float) @ constants["w"].T.astype(float)
    whole = np.floor(products / 2.0 ** row.exponents[0] + 0.5)
    share = np.mean((whole < -128) | (whole > 127))
    assert row.saturates
    assert row.clipped == share > 0.01
    text = f"t: {share:.1%} of the values in calibration saturate at exponent {row.exponents[0]}"
    assert text in report.warnings


def test_dead_relus_need_a_measurement():
    weight = -np.abs(floats(4, 3, 1, 1))
    weight[0] *= -1
    model = network([node("Conv", "x w", "t"), node("Relu", "t", "y")], {"x": (1, 3, 4, 4)},
                    {"y": (1, 4, 4, 4)}, {"w": weight})  # fmt: skip
    samples = np.abs(floats(8, 3, 4, 4))
    expected = "y: 3 of 4 channels are zero on all 8 samples looked at (dead Relus)"
    assert expected in warnings_of(model, samples, measure=True)
    assert expected not in warnings_of(model, samples)


def test_sums_near_the_limit_of_the_accumulator():
    ones = np.ones((16, 512), dtype=np.float32)
    model = network([node("Gemm", "x w", "y", transB=1)], {"x": (1, 512)}, {"y": (1, 16)},
                    {"w": ones})  # fmt: skip
    for samples, kept in ((np.ones((8, 512), dtype=np.float32), False),
                          (np.sign(floats(8, 512)), True)):  # fmt: skip
        report = quantize(model, samples, measure=True)[0].report
        exponents = {row.name: row.exponents[0] for row in report.rows}
        largest = np.abs(samples.astype(float).sum(axis=1)).max()
        share = largest / 2.0 ** (exponents["x"] + exponents["w"]) / (2**19 - 1)
        assert (share < 0.5) == kept
        (text,) = report.warnings
        begin = "in calibration sums come to at most" if kept else "y: sums in calibration reach"
        assert text.startswith(f"{begin} {share:.0%} of")
        assert "20-bit accumulator of the esp32s3" in text


def test_all_layers_near_the_limit_of_the_accumulator_are_one_sentence():
    nodes = [node("Gemm", "x w", "a", transB=1), node("Gemm", "x w", "b", transB=1)]
    ones = np.ones((16, 512), dtype=np.float32)
    model = network(nodes, {"x": (1, 512)}, {"a": (1, 16), "b": (1, 16)}, {"w": ones})
    texts = warnings_of(model, np.ones((8, 512), dtype=np.float32), measure=True)
    (text,) = (text for text in texts if "accumulator" in text)
    assert text.startswith("a: sums in calibration reach")
    assert ", and b " in text


def test_int16_layers_are_named():
    nodes = [node("Gemm", "x w", "y", transB=1)]
    model = network(nodes, {"x": (1, 8)}, {"y": (1, 4)}, {"w": floats(4, 8)})
    assert "1 operator computes in int16: Gemm_0" in warnings_of(model, int16=("y",))


def test_command_line_writes_the_report(tmp_path, capsys):
    with np.load(DATA / "digits.npz") as stored:
        np.save(tmp_path / "c.npy", stored["calibration"])
    way = ["quantize", "--input_model", str(DATA / "digits_cnn.onnx"), "--calibrate_dataset",
           str(tmp_path / "c.npy"), "--no_measure"]  # fmt: skip
    target = ["--output_model", str(tmp_path / "q.onnx"), "--report"]
    assert main([*way, *target, str(tmp_path / "r.pdf")]) == 2
    assert "no form of report" in capsys.readouterr().err
    assert not (tmp_path / "q.onnx").exists()
    assert main([*way, *target, str(tmp_path / "r.json")]) == 0
    assert "accuracy not measured: not asked for" in capsys.readouterr().out
    content = json.loads((tmp_path / "r.json").read_text())
    assert (content["samples"], content["accuracy"]) == (24, None)
    expected = quantize_onnx(
        DATA / "digits_cnn.onnx", np.load(tmp_path / "c.npy"), **{"measure": False}
    )
    assert content["tensors"] == json.loads(expected.report.to_json())["tensors"]
    assert PLAIN["measure"] is False


def test_weights_that_saturate_are_marked():
    """One large weight reads an input that is almost always 0: finer weights err less."""
    rng = np.random.default_rng(6)
    weight = (0.05 * rng.normal(size=(4, 8))).astype(np.float32)
    weight[0, 7] = 1.05
    samples = rng.normal(size=(32, 8)).astype(np.float32)
    samples[:, 7] *= 1e-4
    model = network(
        [node("Gemm", "x w", "y", transB=1)], {"x": (1, 8)}, {"y": (1, 4)}, {"w": weight}
    )
    for weights, saturates in (("output", True), ("minmax", False)):
        rows = quantize_onnx(
            model, samples, "esp32s3", weights=weights, recover=(), measure=False
        ).report.rows
        (row,) = (row for row in rows if row.role == "weight")
        limit = 127 * 2.0 ** row.exponents[0]
        assert row.saturates == saturates == (limit < 1.05)
