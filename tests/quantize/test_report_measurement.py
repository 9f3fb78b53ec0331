"""The figures of the report: accuracy and noise, against computations of their own."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from qdq_networks import PLAIN, Quantized, floats, network, node, run

from tvm_espdl import compilation
from tvm_espdl.compilation import compile_file, compile_variants
from tvm_espdl.demo import DATA
from tvm_espdl.errors import DataError, ModelError
from tvm_espdl.quantize import measure_accuracy, quantize_onnx
from tvm_espdl.quantize.exact import build_exact
from tvm_espdl.quantize.report import Deviation, QuantizationReport

SEED = 71


def two_layers():
    """x (1, 6) -> t (1, 8) -> y (1, 5), with a Relu between."""
    nodes = [node("Gemm", "x a", "s", transB=1), node("Relu", "s", "t"),
             node("Gemm", "t b c", "y", transB=1)]  # fmt: skip
    constants = {
        "a": floats(8, 6, seed=SEED),
        "b": floats(5, 8, seed=SEED + 1),
        "c": floats(5, seed=SEED + 2),
    }
    return network(nodes, {"x": ("N", 6)}, {"y": ("N", 5)}, constants)


SAMPLES = floats(24, 6, seed=SEED + 3)
HELD_OUT = SAMPLES[3::4]


@pytest.fixture(scope="module", params=["esp32s3", "esp32p4"])
def measured(request):
    return quantize_onnx(two_layers(), SAMPLES, request.param)


def decibels(reference, errors):
    return 10 * np.log10((np.square(reference, dtype=float)).sum() / np.square(errors).sum())


def test_accuracy_is_that_of_the_library_on_held_out_samples(measured):
    library = compile_file(measured.model)
    wanted = np.stack([run(two_layers(), {"x": x[None]})["y"] for x in HELD_OUT]).astype(float)
    errors = np.stack([library(x[None]) for x in HELD_OUT]) - wanted
    accuracy = measured.report.accuracy
    (output,) = accuracy.outputs
    assert (accuracy.samples, accuracy.in_sample, output.name) == (6, False, "y")
    assert output.deviation.snr == pytest.approx(decibels(wanted, errors), abs=1e-9)
    assert output.deviation.mean == pytest.approx(np.abs(errors).mean())
    assert output.deviation.largest == pytest.approx(np.abs(errors).max())
    found = (wanted + errors).argmax(axis=-1)
    assert output.top1 == (found == wanted.argmax(axis=-1)).sum()
    assert accuracy.snr == output.deviation.snr


def rounded(values, exponent, chip):
    """Independent statement of what the chip keeps of float values, as float64."""
    scaled = np.asarray(values, dtype=float) / 2.0**exponent
    whole = np.rint(scaled) if chip == "esp32p4" else np.floor(scaled + 0.5)
    return np.clip(whole, -128, 127) * 2.0**exponent


def test_noise_of_layers_by_hand(measured):
    chip, q = measured.report.chip, Quantized(measured.model)
    rows = {row.name: row for row in measured.report.rows}
    exponents = {name: rows[name].exponents[0] for name in "xty"}
    first, second = q.all("Gemm")
    weights = {}
    for name, layer, place in (("a", first, 1), ("b", second, 1), ("c", second, 2)):
        spread = q.exponents(q.source(layer, place)).reshape((-1,) + (1,) * (name != "c"))
        weights[name] = q.stored(layer, place) * 2.0**spread
    floating = {t.name: onnx.numpy_helper.to_array(t).astype(float)
                for t in two_layers().graph.initializer}  # fmt: skip
    noise = {name: ([], []) for name in "xty"}
    for x in HELD_OUT:
        t = np.maximum(floating["a"] @ x.astype(float), 0)
        kept = {"x": rounded(x, exponents["x"], chip), "t": rounded(t, exponents["t"], chip)}
        noise["x"][0].append(x)
        noise["x"][1].append(kept["x"] - x)
        alone = np.maximum(floating["a"] @ kept["x"], 0)
        got = rounded(np.maximum(weights["a"] @ kept["x"], 0), exponents["t"], chip)
        noise["t"][0].append(alone)
        noise["t"][1].append(got - alone)
        last = floating["b"] @ kept["t"] + floating["c"]
        noise["y"][0].append(last)
        chips = rounded(weights["b"] @ kept["t"] + weights["c"], exponents["y"], chip)
        noise["y"][1].append(chips - last)
    for name, (reference, errors) in noise.items():
        expected = decibels(np.stack(reference), np.stack(errors))
        assert rows[name].own.snr == pytest.approx(expected, abs=1e-3), (name, f"seed {SEED}")


def test_cumulative_noise_is_that_of_the_library(measured):
    library = compile_file(measured.model)
    rows = {row.name: row for row in measured.report.rows}
    weight = onnx.numpy_helper.to_array(two_layers().graph.initializer[0]).astype(float)
    wanted = [np.maximum(weight @ x, 0) for x in HELD_OUT]
    found = [library.run_with_intermediates(x[None])["t"][0] for x in HELD_OUT]
    errors = np.stack(found) * 2.0 ** rows["t"].exponents[0] - np.stack(wanted)
    expected = decibels(np.stack(wanted), errors)
    assert rows["t"].cumulative.snr == pytest.approx(expected, abs=1e-4)
    assert rows["y"].cumulative == measured.report.accuracy.outputs[0].deviation


def test_the_worst_layers_have_the_lowest_snr_of_their_own(measured):
    own = {row.name: row.own.snr for row in measured.report.rows if row.own is not None}
    del own["x"]
    assert [row.name for row in measured.report.worst] == sorted(own, key=own.get)


def test_steps_tell_what_they_gain(measured):
    steps = measured.report.steps
    assert [step.step for step in steps] == ["", "methods", "rounding", "equalization", "bias"]
    level = steps[0].accuracy.snr
    for step in steps[1:]:
        assert step.gain == pytest.approx(step.accuracy.snr - level)
        level = step.accuracy.snr if step.applied else level
    assert level == measured.report.accuracy.snr
    plain = quantize_onnx(two_layers(), SAMPLES, measured.report.chip, recover=())
    assert plain.report.accuracy == steps[0].accuracy
    assert plain.report.steps == ()


def test_same_report_every_time(measured):
    again = quantize_onnx(two_layers(), SAMPLES, measured.report.chip)
    assert again.report == measured.report
    assert set(again.report.seconds) == {
        *("preprocess", "calibrate", "search", "advise", "measure")
    }
    for form in (str, QuantizationReport.to_json, QuantizationReport.to_html):
        assert form(again.report) == form(measured.report)
    assert (
        again.model == quantize_onnx(two_layers(), SAMPLES, again.report.chip, measure=False).model
    )


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_variants_have_the_bits_of_the_library(chip):
    with np.load(DATA / "digits.npz") as stored:
        calibration, images = stored["calibration"], stored["images"]
    result = quantize_onnx(DATA / "digits_cnn.onnx", calibration, chip, measure=False)
    library, (variant,) = compile_file(result.model), compile_variants([result.model])
    for image in images[:4]:
        (found,), _ = variant.run([image[None]])
        assert np.array_equal(found, library(image[None]))


def test_variants_with_functions_of_tvm_and_outputs_that_are_inputs():
    nodes = [node("Sin", "x", "s"), node("Gemm", "s a", "t", transB=1), node("Sin", "t", "u"),
             node("Add", "u k", "y")]  # fmt: skip
    outputs = {"y": (1, 8), "t": (1, 8)}
    constants = {"a": floats(8, 6), "k": floats(8)}
    model = network(nodes, {"x": (1, 6)}, outputs, constants)
    quantized = quantize_onnx(model, SAMPLES, measure=False).model
    library, (exact,) = compile_file(quantized), build_exact([quantized, quantized])[:1]
    for x in SAMPLES[:3]:
        found = exact.outputs({"x": x[None]})
        for name, expected in zip(library.output_names, library(x[None]), strict=True):
            assert np.array_equal(found[name], expected)


def test_classes_of_integers_and_several_outputs():
    nodes = [node("Gemm", "x a", "y", transB=1), node("ArgMax", "y", "i", axis=1)]
    model = network(
        nodes, {"x": ("N", 6)}, {"y": ("N", 8), "i": ("N", 1)}, {"a": floats(8, 6)},
        types={"i": TensorProto.INT64},
    )  # fmt: skip
    report = quantize_onnx(model, SAMPLES, **{**PLAIN, "measure": True}).report
    first, second = report.accuracy.outputs
    assert (first.name, first.equal, second.name, second.deviation) == ("y", None, "i", None)
    assert second.top1 is None
    assert second.equal == pytest.approx(first.top1 / report.accuracy.samples)
    assert report.accuracy.in_sample
    assert "24 samples (in sample" in str(report)
    assert f"{second.equal:.1%} equal" in str(report)


def test_an_output_without_signal_and_one_sample():
    nodes = [node("Gemm", "x a", "s", transB=1), node("Relu", "s", "z"), node("Neg", "x", "y")]
    model = network(
        nodes, {"x": ("N", 6)}, {"z": ("N", 8), "y": ("N", 6)},
        {"a": np.zeros((8, 6), dtype=np.float32)},
    )  # fmt: skip
    with pytest.warns(match="calibration sample"):
        report = quantize_onnx(model, SAMPLES[:1]).report
    zero, negated = report.accuracy.outputs
    assert zero.deviation.snr is None
    assert zero.deviation.state == "exact"
    assert report.accuracy.snr == negated.deviation.snr
    text = str(report)
    assert "1 sample (in sample" in text
    assert "a: all weights are zero" in text
    assert "z: always zero in calibration" in text
    assert not {"inf", "nan"} & set(text.split())
    assert json.loads(report.to_json())["accuracy"]["outputs"][0]["deviation"]["snr"] is None


def test_deviation():
    found = Deviation.between(np.array([3.0, -4.0]), np.array([3.0, -3.0]))
    assert (found.signal, found.noise, found.mean, found.largest) == (25.0, 1.0, 0.5, 1.0)
    assert found.snr == pytest.approx(10 * np.log10(25))
    assert found + Deviation() == found
    assert (found + found).ratio == found.ratio
    none = Deviation.between(np.zeros(2), np.ones(2))
    assert (none.snr, none.state) == (None, "no signal")
    assert (Deviation.between(np.ones(2), np.ones(2)).state, Deviation().state) == ("exact",) * 2


def test_measure_accuracy_with_labels(tmp_path):
    with np.load(DATA / "digits.npz") as stored:
        calibration, images, labels = (stored[n] for n in ("calibration", "images", "labels"))
    model = quantize_onnx(DATA / "digits_cnn.onnx", calibration, measure=False).model
    onnx.save(model, tmp_path / "q.onnx")
    images, labels = images[:20], labels[:20].copy()
    labels[0] = (labels[0] + 1) % 10
    accuracy = measure_accuracy(DATA / "digits_cnn.onnx", tmp_path / "q.onnx", images, labels)
    library = compile_file(model)
    found = [int(library(image[None]).argmax()) for image in images]
    (output,) = accuracy.outputs
    assert output.correct == sum(np.array(found) == labels)
    wanted = float_classes(images)
    assert output.float_correct == sum(wanted == labels)
    assert output.top1 == sum(wanted == np.array(found))
    assert measure_accuracy(DATA / "digits_cnn.onnx", model, images).outputs[0].correct is None
    with pytest.raises(DataError, match=r"one label for each sample.*shape \(19,\)"):
        measure_accuracy(DATA / "digits_cnn.onnx", model, images, labels[:19])
    with pytest.raises(ModelError, match="lacks outputs of the float one"):
        measure_accuracy(two_layers(), model, SAMPLES)


def float_classes(images):
    model = onnx.load(DATA / "digits_cnn.onnx")
    name = model.graph.input[0].name
    found = [next(iter(run(model, {name: image[None]}).values())) for image in images]
    return np.array([int(values.argmax()) for values in found])


def test_a_float_network_that_overflows():
    nodes = [node("Gemm", "x a", "s", transB=1), node("Exp", "s", "y")]
    model = network(nodes, {"x": ("N", 6)}, {"y": ("N", 8)}, {"a": np.ones((8, 6), np.float32)})
    quantized = quantize_onnx(model, SAMPLES, measure=False).model
    with pytest.raises(DataError, match="'y', sample 1: an output of the float network is not"):
        measure_accuracy(model, quantized, SAMPLES[:8] * np.float32([[1], [99]] * 4) + 1)


def test_a_network_that_cannot_be_compiled_is_quantized_all_the_same(monkeypatch):
    def refuse(*_):
        raise ModelError("the network has control flow", where="main")

    monkeypatch.setattr(compilation, "compile_variants", refuse)
    result = quantize_onnx(two_layers(), SAMPLES)
    assert result.report.accuracy is None
    assert "accuracy not measured: main: the network has control flow" in str(result.report)
    assert result.model == quantize_onnx(two_layers(), SAMPLES, measure=False).model
    assert "not asked for" in str(quantize_onnx(two_layers(), SAMPLES, measure=False).report)


def test_real_network_with_a_float_part_and_every_layout(models_dir):
    folder = models_dir / "float"
    report = quantize_onnx(folder / "actzoo_32.onnx", folder / "actzoo_32.calib.npz").report
    rows = [row for row in report.rows if row.role in ("input", "activation", "output")]
    assert len(rows) > 20
    for row in rows:
        assert row.cumulative.snr > 12, row.name
        assert row.own.snr is None or row.own.snr > 25, row.name
        assert row.own.noise <= row.cumulative.noise * 1.5, row.name


def test_rescaled_channels_are_told_of():
    rng = np.random.default_rng(3)
    kept = quantize_onnx(two_layers(), SAMPLES, "esp32s3", recover=(), measure=False).report
    assert kept.notes == ()
    samples = rng.normal(size=(16, 4, 6, 6)).astype(np.float32)
    first = rng.normal(size=(8, 4, 3, 3)) * np.geomspace(0.02, 1, 8)[:, None, None, None]
    constants = {
        "w": onnx.numpy_helper.from_array(first.astype(np.float32), "w"),
        "v": onnx.numpy_helper.from_array(rng.normal(size=(4, 8, 1, 1)).astype(np.float32), "v"),
    }
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Conv", ["x", "w"], ["c"], "first"),
            onnx.helper.make_node("Relu", ["c"], ["r"], "relu"),
            onnx.helper.make_node("Conv", ["r", "v"], ["y"], "second"),
        ],
        "rescaled",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4, 6, 6])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4, 4, 4])],
        list(constants.values()),
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    result = quantize_onnx(model, samples, "esp32s3", recover="equalization", measure=False)
    (note,) = result.report.notes
    assert "equalization rescaled channels" in note
    assert "around r are" in note or "around c are" in note
    assert "note: equalization" in str(result.report)
    assert note in result.report.to_html()
