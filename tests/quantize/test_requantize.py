"""Quantizing what is quantized: taken as it is, re-expressed, or refused."""

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from qdq_networks import Quantized, floats, network, node, run

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import DataError, ModelError
from tvm_espdl.program import Native
from tvm_espdl.quantize import quantize_onnx, requantization
from tvm_espdl.quantize.report import effort

DATA = floats(24, 3, 8, 8, seed=7)


def float_model():
    nodes = [
        node("Conv", "x w b", "c", pads=[1] * 4, name="conv"),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f v d", "y", transB=1, name="gemm"),
    ]
    constants = {
        "w": floats(8, 3, 3, 3, scale=0.2, seed=1),
        "b": floats(8, seed=2),
        "v": floats(6, 8, seed=5),
        "d": floats(6, seed=6),
    }
    return network(nodes, {"x": (1, 3, 8, 8)}, {"y": (1, 6)}, constants)


class _Reader(CalibrationDataReader):
    def __init__(self):
        self._rest = iter(DATA)

    def get_next(self):
        sample = next(self._rest, None)
        return None if sample is None else {"x": sample[np.newaxis]}


@pytest.fixture(params=[QuantFormat.QDQ, QuantFormat.QOperator], ids=["QDQ", "QOperator"])
def foreign(request, tmp_path):
    """What onnxruntime's quantizer makes: uint8, asymmetric, scales that are no powers of two."""
    onnx.save(float_model(), tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "foreign.onnx",
        _Reader(),
        quant_format=request.param,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"WeightSymmetric": True},
    )
    return onnx.load(tmp_path / "foreign.onnx")


def test_ours_is_taken_as_it_is():
    ours = quantize_onnx(float_model(), DATA, measure=False).model
    taken = quantize_onnx(ours, None, "esp32s3", requantize=True)
    assert taken.model.graph == ours.graph
    assert taken.loss is None
    assert {e.key: e.value for e in taken.model.metadata_props}["espdl.chip"] == "esp32s3"


def test_weights_per_channel_are_expressed_anew_where_the_chip_has_one_exponent():
    model = quantize_onnx(float_model(), DATA, "esp32p4", per_channel=True).model
    del model.metadata_props[:]  # as others write it, it names no chip
    with pytest.raises(ModelError, match=r"one scale per channel.*--requantize"):
        quantize_onnx(model, None, "esp32s3")
    result = quantize_onnx(model, DATA, "esp32s3", requantize=True)
    assert result.loss.outputs[0].snr > 20, str(result.loss)
    steps = compile_file(result.model).program.steps
    assert [s.operator.name for s in steps].count("conv2d") == 1
    assert not any(isinstance(step.operator, Native) for step in steps)


def test_ours_is_taken_for_its_own_chip_only():
    ours = quantize_onnx(float_model(), DATA, "esp32p4", measure=False).model
    with pytest.raises(ModelError, match="another chip; found: esp32p4; allowed: esp32s3"):
        quantize_onnx(ours, None, "esp32s3")


def test_others_are_refused_with_the_offer(foreign):
    with pytest.raises(ModelError, match=r"zero point.*--requantize"):
        quantize_onnx(foreign, DATA)


@pytest.mark.parametrize("calibration", [DATA, None], ids=["data", "no data"])
@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_requantize(foreign, chip, calibration):
    before = foreign.SerializeToString()
    result = quantize_onnx(foreign, calibration, chip, requantize=True, measure=False)
    assert foreign.SerializeToString() == before
    q = Quantized(result.model)
    for name in ("Conv", "Gemm"):
        layer = q.one(name)
        assert np.array_equal(q.into(layer, 2), q.into(layer, 0) + q.into(layer, 1))
    assert result.loss is None
    errors = [
        run(result.model, {"x": sample[np.newaxis]})["y"]
        - run(float_model(), {"x": sample[np.newaxis]})["y"]
        for sample in DATA
    ]
    signal = np.stack([run(float_model(), {"x": s[np.newaxis]})["y"] for s in DATA])
    assert 10 * np.log10((signal**2).sum() / (np.stack(errors) ** 2).sum()) > 18
    again = quantize_onnx(foreign, calibration, chip, requantize=True, measure=False)
    assert again.model.SerializeToString() == result.model.SerializeToString()


def test_the_loss_is_that_of_the_chips_bits(foreign):
    result = quantize_onnx(foreign, DATA, requantize=True)
    library = compile_file(result.model, "esp32s3")
    (loss,) = result.loss.outputs
    assert (loss.name, result.loss.samples) == ("y", len(DATA))
    original = [run(foreign, {"x": x[np.newaxis]})["y"] for x in DATA]
    errors = [library(x[np.newaxis]) - y for x, y in zip(DATA, original, strict=True)]
    snr = 10 * np.log10((np.stack(original) ** 2).sum() / (np.stack(errors) ** 2).sum())
    # onnxruntime's integer kernels may differ from the QDQ form by a step.
    assert loss.snr == pytest.approx(snr, abs=1.0)


def test_the_new_model_is_there_before_its_loss_is_measured(foreign, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(requantization, "build_exact", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quantize_onnx(foreign, DATA, requantize=True, save_to=tmp_path / "q.onnx")
    expected = quantize_onnx(foreign, DATA, requantize=True, measure=False)
    assert onnx.load(tmp_path / "q.onnx") == expected.model


def test_the_loss_is_measured_on_as_much_as_takes_a_minute(foreign, monkeypatch):
    monkeypatch.setattr(effort, "OUTPUTS", 1e-4)
    part = quantize_onnx(foreign, DATA, requantize=True).loss
    assert 1 <= part.samples < len(DATA)
    assert quantize_onnx(foreign, DATA, requantize=True, measure="all").loss.samples == len(DATA)


def test_a_float_model_needs_data():
    with pytest.raises(DataError, match="a float network needs calibration data"):
        quantize_onnx(float_model(), None)


def test_command_line(foreign, tmp_path, capsys):
    onnx.save(foreign, tmp_path / "given.onnx")
    command = ["quantize", "--input_model", str(tmp_path / "given.onnx")]
    command += ["--output_model", str(tmp_path / "new.onnx")]
    assert main(command) == 2
    assert "--requantize" in capsys.readouterr().err
    assert not (tmp_path / "new.onnx").exists()
    assert main([*command, "--requantize"]) == 0
    assert "requantization, against the original on 32 random inputs" in capsys.readouterr().out
    Quantized(onnx.load(tmp_path / "new.onnx")).one("Conv")
