"""The loss that is reported, against its formula on the same numbers."""

import math
from functools import partial

import numpy as np
import pytest
from foreign_networks import Qdq, run
from onnx import TensorProto

from tvm_espdl.errors import DataError
from tvm_espdl.quantize.foreign import (
    measure_requantization,
    random_inputs,
    strip_quantization,
)

SEED = 75
RNG = np.random.default_rng(SEED)
WEIGHTS = RNG.integers(-127, 128, (24, 10)).astype(np.int8)


def network(scale=0.03, dtype=None):
    """Ten classes, and a second output that is an image."""
    net = Qdq()
    if dtype is None:
        x = net.pair(net.input("x", ["N", 24]), scale, np.uint8(120))
    else:
        x = net.dequantize(net.input("x", [1, 24], dtype), scale, np.uint8(120))
    w = net.dequantize(net.constant(WEIGHTS), 0.01, np.int8(0))
    net.pair(net.node("MatMul", x, w), 0.05, np.int8(3), output="y")
    shape = net.constant(np.array([1, 2, 3, 4], np.int64))
    net.pair(net.node("Reshape", x, shape), scale, np.uint8(120), output="z")
    return net.model("y", "z")


def samples(count=16):
    return [{"x": RNG.normal(size=(1, 24)).astype(np.float32)} for _ in range(count)]


def test_a_model_against_itself():
    loss = measure_requantization(network(), partial(run, network()), samples())
    assert [output.name for output in loss.outputs] == ["y", "z"]
    assert all(output.snr == math.inf and output.largest == 0 for output in loss.outputs)
    assert [output.agreement for output in loss.outputs] == [1.0, None]
    assert loss.seed is None
    assert loss.samples == 16


def test_every_number():
    model, given = network(), samples()
    other = network(0.05)
    loss = measure_requantization(model, partial(run, other), given)
    for output in loss.outputs:
        a = np.array([run(model, s)[output.name].ravel() for s in given], np.float64)
        b = np.array([run(other, s)[output.name].ravel() for s in given], np.float64)
        assert output.snr == pytest.approx(10 * np.log10((a**2).sum() / ((a - b) ** 2).sum()))
        assert output.largest == np.abs(a - b).max()
        if output.name == "y":
            same = [row[i] == row.max() for row, i in zip(a, b.argmax(axis=1), strict=True)]
            assert output.agreement == np.mean(same)
    text = str(loss)
    assert "16 given samples" in text
    assert f"output 'y': {loss.outputs[0].snr:.1f} dB" in text
    assert "top-1" in text.splitlines()[1]


def test_a_tie_of_the_original_counts_as_the_same():
    model, given = network(), samples(64)
    wanted = [run(model, sample) for sample in given]
    ties = [i for i, w in enumerate(wanted) if (w["y"] == w["y"].max()).sum() > 1]
    assert ties, f"no ties with seed {SEED}"

    def last_of_the_largest(sample):
        y, z = run(model, sample).values()
        largest = np.flatnonzero(y[0] == y.max())
        y = y.copy()
        y[0, largest[-1]] += 1
        return {"y": y, "z": z}

    loss = measure_requantization(model, last_of_the_largest, given)
    assert loss.outputs[0].agreement == 1.0


def test_random_inputs_repeat_and_stay_in_the_range():
    stripped = strip_quantization(network())
    low, high = stripped.ranges["x"]
    first, again, other = (
        np.array([s["x"] for s in random_inputs(stripped, 200, seed)]) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (200, 1, 24)
    assert first.dtype == np.float32
    assert np.float32(low) <= first.min() < low + (high - low) / 5
    assert np.float32(high) >= first.max() > high - (high - low) / 5
    loss = measure_requantization(network(), partial(run, network(0.05)), seed=3)
    assert loss == measure_requantization(network(), partial(run, network(0.05)), seed=3)
    assert loss.samples == 32
    assert "random inputs (seed 3)" in str(loss)


def test_the_range_of_an_input_that_is_moved_first():
    net = Qdq()
    turned = net.node("Transpose", net.input("x", [1, 3, 4]), perm=[0, 2, 1])
    net.pair(turned, 0.1, np.int8(0), output="y")
    sample = next(random_inputs(strip_quantization(net.model("y")), 1, 0))
    assert sample["x"].shape == (1, 3, 4)
    assert np.abs(sample["x"]).max() <= np.float32(12.8)


def test_integer_inputs_are_drawn_as_numbers_that_exist():
    model = network(dtype=TensorProto.UINT8)
    stripped = strip_quantization(model)
    for sample in random_inputs(stripped, 4, 0):
        steps = sample["x"] / np.float32(0.03)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    loss = measure_requantization(model, partial(run, stripped.model))
    assert loss.outputs[1].snr > 100


def test_bad_samples():
    model = network()
    with pytest.raises(DataError, match="no samples"):
        measure_requantization(model, partial(run, model), [])
    with pytest.raises(DataError, match=r"another shape.*output 'y'|output 'y'.*another shape"):
        measure_requantization(
            model, lambda s: {n: v[0] for n, v in run(model, s).items()}, samples(1)
        )
    net = Qdq()
    x = net.pair(net.input("x", [1, 4]), 0.1, np.uint8(3))
    net.node("Gather", x, net.input("i", [1, 2], TensorProto.INT64), output="y")
    model = net.model("y", shape=[1, 1, 2, 4])
    with pytest.raises(DataError, match=r"input 'i'.*range.*not known.*int64.*give samples"):
        measure_requantization(model, partial(run, model))


def test_silent_outputs():
    """Nothing but zeros has no signal: any difference is infinitely worse."""
    net = Qdq()
    net.pair(net.node("Relu", net.input("x", [1, 4])), 0.1, np.int8(0), output="y")
    model, sample = net.model("y"), [{"x": -np.ones((1, 4), np.float32)}]
    loss = measure_requantization(model, lambda s: {"y": np.abs(s["x"])}, sample)
    assert loss.outputs[0].snr == -math.inf
