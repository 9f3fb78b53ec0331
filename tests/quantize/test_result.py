"""The result as a whole: bytes, metadata, file, report, options, and accuracy on real models."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from qdq_networks import PLAIN, Quantized, floats, network, node, quantize, run

from tvm_espdl.errors import ChipError, EspdlError, ModelError, OutputError
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.version import __version__

SMALL = ["digits_cnn", "dscnn_kws_49x10", "kws_conv1d", "actzoo_32", "resnet8_32"]


def small():
    nodes = [node("Conv", "x w b", "t"), node("Relu", "t", "u"), node("Flatten", "u", "f"),
             node("Gemm", "f g", "y", transB=1)]  # fmt: skip
    constants = {"w": floats(4, 3, 3, 3), "b": floats(4), "g": floats(10, 144)}
    return network(nodes, {"x": ("N", 3, 8, 8)}, {"y": ("N", 10)}, constants)


DATA = floats(8, 3, 8, 8)


@pytest.mark.parametrize(
    ("chip", "rounding"), [("esp32s3", "half_up"), ("esp32p4", "half_even"), ("esp32c3", "half_up")]
)
def test_metadata(chip, rounding):
    model = small()
    model.metadata_props.add(key="author", value="someone")
    model.metadata_props.add(key="espdl.chip", value="old")
    written = quantize_onnx(model, DATA, chip, measure=False).model
    assert {entry.key: entry.value for entry in written.metadata_props} == {
        "author": "someone",
        "espdl.chip": chip,
        "espdl.rounding": rounding,
        "espdl.version": __version__,
    }
    assert [(entry.domain, entry.version) for entry in written.opset_import] == [("", 13)]
    assert written.ir_version == model.ir_version
    onnx.checker.check_model(written, full_check=True)


def test_same_bytes_and_input_untouched(tmp_path):
    model = small()
    path = tmp_path / "m.onnx"
    onnx.save(model, path)
    before = path.read_bytes()
    first = quantize_onnx(path, DATA, measure=False).model.SerializeToString()
    assert quantize_onnx(model, DATA).model.SerializeToString() == first
    assert model.SerializeToString() == path.read_bytes() == before


def test_same_bytes_in_another_process(tmp_path):
    onnx.save(small(), tmp_path / "m.onnx")
    np.save(tmp_path / "c.npy", DATA)
    quantize_onnx(small(), DATA, measure=False).save(tmp_path / "here.onnx")
    script = (
        "from tvm_espdl.quantize import quantize_onnx\n"
        "quantize_onnx('m.onnx', 'c.npy', measure=False).save('there.onnx')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert (tmp_path / "here.onnx").read_bytes() == (tmp_path / "there.onnx").read_bytes()


def test_save(tmp_path):
    result = quantize_onnx(small(), DATA, measure=False)
    path = tmp_path / "q.onnx"
    result.save(path)
    assert onnx.load(path) == result.model
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"exists already; found: a file.*another path"):
        result.save(path)
    assert path.read_bytes() == b"precious"
    result.save(str(path), overwrite=True)
    assert onnx.load(path) == result.model
    with pytest.raises(OutputError, match="found: a folder"):
        result.save(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="does not exist"):
        result.save(tmp_path / "nowhere" / "q.onnx")
    assert [entry.name for entry in tmp_path.iterdir()] == ["q.onnx"]


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    result = quantize_onnx(small(), DATA, measure=False)

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tvm_espdl.files.output_files.os.link", fail)
    with pytest.raises(OutputError, match="No space left"):
        result.save(tmp_path / "q.onnx")
    assert not list(tmp_path.iterdir())


def test_options():
    with pytest.raises(ChipError, match="unknown chip"):
        quantize_onnx(small(), DATA, "esp32s4")
    with pytest.raises(EspdlError, match=r"found: 'magic'; allowed: 'mse', 'kl', .*'minmax'"):
        quantize_onnx(small(), DATA, activations="magic")
    with pytest.raises(EspdlError, match=r"found: 'outputs'; allowed: 'output', 'minmax'"):
        quantize_onnx(small(), DATA, weights="outputs")
    with pytest.raises(EspdlError, match=r"found: 'roundin'; allowed: .*try: 'rounding'\?"):
        quantize_onnx(small(), DATA, recover=("roundin",))


def test_models_without_anything_to_quantize():
    model = network([node("Cos", "x", "y")], {"x": (1, 4)}, {"y": (1, 4)})
    with pytest.raises(ModelError, match="no operator that can be quantized; found: Cos"):
        quantize(model)


def test_a_model_that_onnxruntime_refuses():
    nodes = [node("Relu", "x", "t"), node("Frobnicate", "t", "y", domain="own")]
    model = network(nodes, {"x": (1, 4)}, {"y": (1, 4)})
    model.opset_import.add(domain="own", version=1)
    with pytest.raises(
        ModelError, match=r"onnxruntime cannot run the network; found: .*Frobnicate"
    ):
        quantize(model)


def test_report():
    report = quantize_onnx(small(), DATA, "esp32p4", **PLAIN).report
    text = str(report)
    assert text.startswith("quantized for esp32p4, activations: minmax, 8 samples")
    assert max(map(len, text.splitlines())) <= 100
    roles = {row.name: row.role for row in report.rows}
    assert roles == {"x": "input", "w": "weight", "b": "bias", "u": "activation",
                     "f": "activation", "g": "weight", "y": "output"}  # fmt: skip
    assert len(report.rows[1].exponents) == 4
    assert not any(row.saturates for row in report.rows)
    assert report.left_float == ()


def test_long_names_and_saturation_in_the_report():
    name = "a/very/long/path/" * 5 + "Conv_output_0"
    nodes = [node("Conv", "x w", name), node("Clip", f"{name} lo hi", "y"), node("Cos", "y", "z")]
    constants = {"w": floats(4, 3, 3, 3), "lo": np.float32(-0.1), "hi": np.float32(0.1)}
    result, _ = quantize(network(nodes, {"x": (1, 3, 4, 4)}, {"z": (1, 4, 2, 2)}, constants))
    lines = str(result.report).splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.endswith("sat") and "Conv_output_0" in line for line in lines)
    assert lines[-1].split() == ["float:", "Cos", "Cos_2"]


def signal_to_noise(reference, found):
    """In decibels."""
    return 10 * np.log10((reference**2).sum() / ((reference - found) ** 2).sum())


def verify(model):
    """What the chips' kernels need of any quantized network."""
    q = Quantized(model)
    for layer in (n for n in q.nodes if n.op_type in ("Conv", "Gemm", "MatMul")):
        products = q.into(layer, 0) + q.into(layer, 1)
        end = layer.output[0]
        while q.readers(end)[0].op_type in ("Relu", "Add"):
            end = q.readers(end)[0].output[0]
        assert q.after(q.maker[end]) >= np.max(products)
        if len(layer.input) > 2:
            assert np.array_equal(q.into(layer, 2), products)
    for operator in ("Add", "Sub", "Concat"):
        for n in q.all(operator):
            if q.maker[n.input[0]].op_type == "DequantizeLinear":
                assert len({q.into(n, place) for place in range(len(n.input))}) == 1


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
@pytest.mark.parametrize("name", SMALL)
def test_real_models(models_dir, name, chip):
    path = models_dir / "float" / f"{name}.onnx"
    samples = np.load(models_dir / "float" / f"{name}.calib.npz")["x"]
    samples_file = models_dir / "float" / f"{name}.calib.npz"
    result = quantize_onnx(path, samples_file, chip, measure=False)
    verify(result.model)
    float_model = onnx.load(path)
    key = float_model.graph.input[0].name
    feeds = [{key: samples[i : i + 1]} for i in range(4)]
    pairs = [(run(float_model, feed), run(result.model, feed)) for feed in feeds]
    for output in pairs[0][0]:
        reference, found = (np.stack([pair[i][output] for pair in pairs]) for i in (0, 1))
        assert signal_to_noise(reference, found) > 15


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_digits_are_recognized(models_dir, chip):
    test = np.load(models_dir / "float" / "digits_cnn.test.npz")
    calibration = models_dir / "float" / "digits_cnn.calib.npz"
    path = models_dir / "float" / "digits_cnn.onnx"
    model = quantize_onnx(path, calibration, chip, measure=False).model
    session = onnx.ModelProto.FromString(model.SerializeToString())
    found = [
        int(run(session, {"input": x[np.newaxis]})["logits"].argmax()) for x in test["x_test"][::2]
    ]
    float_score = (test["logits"][::2].argmax(1) == test["y_test"][::2]).mean()
    assert (np.array(found) == test["y_test"][::2]).mean() >= float_score - 0.01


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_seed_model(models_dir, chip):
    sample = np.load(models_dir / "seed" / "input_sample.npy")
    calibration = models_dir / "float" / "seed_resnet8.calib.npz"
    path = models_dir / "seed" / "model.onnx"
    model = quantize_onnx(path, calibration, chip, measure=False).model
    verify(model)
    probabilities = run(model, {"input_1": sample})["Identity"]
    assert probabilities.shape == (1, 10)
    assert probabilities.argmax() == 6
    assert probabilities.max() > 0.9
