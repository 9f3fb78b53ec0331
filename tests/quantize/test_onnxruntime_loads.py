"""Files that onnxruntime takes with its default options, and computes as the chip does."""

import numpy as np
import onnxruntime
import pytest
from noise import CHIPS, outputs, quantized, samples
from qdq_networks import Quantized, floats, network, node


def model_of(shape, opset):
    """A product of three or four dimensions with a bias, in front of and behind other operators."""
    constants = {"w": floats(6, 5, seed=1), "b": floats(5, seed=2)}
    nodes = [
        node("Tanh", "x", "t"),
        node("MatMul", "t w", "m"),
        node("Add", "m b", "a"),
        node("LeakyRelu", "a", "y", alpha=0.1),
    ]
    return network(nodes, {"x": shape}, {"y": (*shape[:-1], 5)}, constants, opset=opset)


@pytest.mark.parametrize("shape", [(1, 1, 6), (1, 4, 6), (1, 2, 3, 6), (1, 6)])
@pytest.mark.parametrize(
    ("int16", "opset", "chip"), [((), 21, "esp32p4"), (["a"], 13, "esp32p4"), ("*", 13, "esp32s3")]
)
def test_a_product_with_a_bias(shape, int16, opset, chip):
    data = samples({"x": shape})
    result = quantized(model_of(shape, opset), data, chip, int16=int16)
    session = onnxruntime.InferenceSession(result.model.SerializeToString())
    last = next(row for row in result.report.rows if row.name == "y")
    for x, found in zip(data[-2:], outputs(result.model, chip, data[-2:]), strict=True):
        (expected,) = session.run(None, x)
        # Ties are rounded up on one of the chips, and sums of int16 in float32.
        np.testing.assert_allclose(found["y"], expected, rtol=0, atol=2.0 ** last.exponents[0])


def test_a_bias_keeps_its_shape_in_older_operator_sets():
    q = Quantized(quantized(model_of((1, 4, 6), 13), samples({"x": (1, 4, 6)}), "esp32").model)
    assert q.stored(q.one("Add"), 1).shape == (5,)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_recurrent_layer_in_front(chip):
    constants = {
        "W": floats(1, 15, 4, seed=1, scale=0.3),
        "R": floats(1, 15, 5, seed=2, scale=0.3),
        "w": floats(5, 8, seed=3),
        "b": floats(8, seed=4),
    }
    layer = node("GRU", "x W R", "states", hidden_size=5, linear_before_reset=1)
    layer.output[:] = ["", "states"]
    nodes = [layer, node("MatMul", "states w", "m"), node("Add", "m b", "y")]
    model = network(nodes, {"x": (6, 1, 4)}, {"y": (1, 1, 8)}, constants)
    found = quantized(model, samples({"x": (6, 1, 4)}), chip, recover=()).model
    assert onnxruntime.InferenceSession(found.SerializeToString()).get_outputs()[0].name == "y"
