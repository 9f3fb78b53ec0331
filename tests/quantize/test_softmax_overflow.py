"""Logits whose exponentials do not fit a float32: no NaN in results, reports and decisions."""

import numpy as np
import pytest
from noise import CHIPS, level, outputs, quantized, samples
from qdq_networks import Quantized, floats, network, node

from tvm_espdl.chips import find_chip
from tvm_espdl.quantize import preprocess_onnx
from tvm_espdl.quantize.candidate import Candidate
from tvm_espdl.quantize.quantization import Options, quantize
from tvm_espdl.quantize.report import Accuracy, Deviation
from tvm_espdl.quantize.report.accuracy import compare_outputs
from tvm_espdl.quantize.report.rows import QuantizationFigures
from tvm_espdl.quantize.report.text import measured
from tvm_espdl.quantize.report.verdict import grade, verdict
from tvm_espdl.quantize.simulation import noise_power

SHAPE = (1, 8)


def classifier(operator, *between, scale=20.0, **constants):
    constants = {name: np.asarray(value) for name, value in constants.items()}
    nodes = [node("MatMul", "x w", "a"), *between]
    read = between[-1].output[0] if between else "a"
    nodes.append(node(operator, read, "y", axis=-1))
    constants["w"] = floats(8, 5, seed=2, scale=scale)
    return network(nodes, {"x": SHAPE}, {"y": (1, 5)}, constants)


def low(operator):
    """All logits are far below zero, where every exponential is 0."""
    return classifier(operator, node("Add", "a c", "b"), scale=2.0, c=np.float32(-200))


def moved(operator):
    return classifier(operator, node("Reshape", "a s", "b"), s=np.int64([1, 5]))


NETWORKS = {"high": classifier, "low": low, "moved": moved}


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("name", NETWORKS)
def test_probabilities_are_finite_and_near_the_float_ones(name, operator, chip):
    found = level(NETWORKS[name](operator), samples({"x": SHAPE}, count=44), chip)
    assert found > 25, found


@pytest.mark.parametrize("int16", [(), "*"])
def test_logits_that_are_given_to_the_network(int16):
    model = network([node("Softmax", "x", "y")], {"x": (1, 10)}, {"y": (1, 10)})
    found = level(model, samples({"x": (1, 10)}, count=44, scale=60), "esp32s3", int16=int16)
    assert found > 25, found


def test_int16_where_int8_would_overflow_and_only_there():
    for scale, expected in ((20.0, "int16"), (2.0, "int8")):
        result = quantized(classifier("Softmax", scale=scale), samples({"x": SHAPE}), "esp32s3")
        assert ("would overflow" in str(result.report)) == (expected == "int16")
        q = Quantized(result.model)
        assert str(q.constants[q.source(q.one("Softmax")).input[2]].dtype) == expected
        assert q.stored(q.one("Gemm"), 1).dtype == expected


def test_a_search_never_leads_to_where_it_would_overflow():
    """Logits up to 50 have exponent -1: one coarser, int8 numbers up to 127 are possible."""
    model = preprocess_onnx(classifier("Softmax", scale=7.0))
    data = samples({"x": SHAPE})
    options = Options("minmax", "minmax", False, (), (), 0)
    bench = quantize(model, data, find_chip("esp32s3"), options).bench
    assert bench.assign(Candidate()).tensors["a"] == -1
    assert bench.assign(Candidate(shifts={"a": 1})).tensors["a"] == -1
    assert bench.assign(Candidate(shifts={"a": -1})).tensors["a"] == -2


def test_a_file_of_others_that_would_overflow_is_computed_all_the_same():
    """Int8 logits at exponent 1: ESP-DL's kernel would give NaN, so TVM has that Softmax."""
    model = classifier("Softmax", scale=2.0)
    q = Quantized(quantized(model, samples({"x": SHAPE}), "esp32s3", activations="minmax").model)
    (scale,) = (t for t in q.model.graph.initializer if t.name == "a_scale")
    scale.raw_data = np.float32(2).tobytes()
    data = samples({"x": SHAPE}, scale=40.0)[:2]
    for found in outputs(q.model, "esp32s3", data):
        assert np.isfinite(found["y"]).all()
        assert found["y"].sum() == pytest.approx(1.0, abs=1e-5)


def test_what_is_not_finite_is_bad_and_no_answer():
    reference = [{"y": np.float32([[1, 2, 3]])}] * 2
    found = [{"y": np.float32([[1, 2, 3]])}, {"y": np.float32([[1, np.nan, 3]])}]
    accuracy = compare_outputs(reference, found, labels=[2, 1])
    assert accuracy.outputs[0].top1 == 1
    assert (accuracy.outputs[0].correct, accuracy.outputs[0].float_correct) == (1, 1)
    assert (accuracy.broken, accuracy.snr) == (1, None)
    report = QuantizationFigures("esp32s3", "mse", 2, (), (), accuracy=accuracy)
    assert "not finite" in measured(report)
    assert "not finite" in verdict(report)
    assert grade(report) == "bad"


def test_deviation_of_what_is_not_finite():
    wanted = np.array([3.0, 4.0, 0.0])
    found = Deviation.between(wanted, np.array([2.0, np.nan, -np.inf]))
    assert (found.noise, found.mean, found.largest, found.broken) == (1.0, 1.0, 1.0, 2)
    assert (found.ratio, found.snr, found.state, str(found)) == (np.inf, None, *["not finite"] * 2)
    assert (found + Deviation()).broken == 2
    assert Accuracy(1, False, ()).broken == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_noise_is_not_a_number(value):
    wanted = [{"y": np.ones(2), "z": np.ones(2)}]
    assert noise_power(wanted, [{"y": np.array([1, value]), "z": np.ones(2)}]) == np.inf
