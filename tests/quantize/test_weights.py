"""Moments of layer inputs, exponents and rounding of weights: against outputs of real layers."""

import itertools

import numpy as np
import onnx
import pytest
from qdq_networks import floats, network, node, run

from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.preprocess import preprocess_onnx
from tvm_espdl.quantize.calibration import measure_ranges
from tvm_espdl.quantize.exponents import channel_exponents, quantize
from tvm_espdl.quantize.layer_statistics import LayerStatistics, patch_rows
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.weight_exponents import least_error_exponents, output_error
from tvm_espdl.quantize.weight_rounding import round_weights
from tvm_espdl.samples import read_samples

LAYERS = {
    "conv": (node("Conv", "x w", "y"), (1, 3, 9, 8), (5, 3, 3, 3)),
    "pads": (node("Conv", "x w", "y", pads=[1, 2, 0, 1]), (1, 3, 9, 8), (5, 3, 3, 2)),
    "strides": (node("Conv", "x w", "y", strides=[2, 3], pads=[1] * 4), (1, 2, 9, 8), (4, 2, 3, 3)),
    "dilations": (node("Conv", "x w", "y", dilations=[2, 1]), (1, 2, 9, 8), (4, 2, 3, 3)),
    "same upper": (
        node("Conv", "x w", "y", auto_pad="SAME_UPPER", strides=[2, 2]),
        (1, 2, 9, 8),
        (4, 2, 4, 3),
    ),
    "same lower": (node("Conv", "x w", "y", auto_pad="SAME_LOWER"), (1, 2, 9, 8), (4, 2, 4, 3)),
    "valid": (node("Conv", "x w", "y", auto_pad="VALID"), (1, 2, 9, 8), (4, 2, 2, 2)),
    "depthwise": (node("Conv", "x w", "y", group=4), (1, 4, 6, 6), (4, 1, 3, 3)),
    "groups": (node("Conv", "x w", "y", group=2), (1, 4, 6, 6), (6, 2, 3, 3)),
    "conv1d": (node("Conv", "x w", "y", pads=[1, 1]), (1, 3, 20), (5, 3, 3)),
    "gemm": (node("Gemm", "x w", "y", transB=1), (1, 12), (5, 12)),
    "matmul": (node("MatMul", "x w", "y"), (1, 7, 12), (12, 5)),
}


def prepare(name, count=6):
    layer, shape, weight_shape = LAYERS[name]
    weight = floats(*weight_shape, seed=2)
    given = network([layer], {"x": shape}, {"y": list("abcd")[: len(shape)]}, {"w": weight})
    model = preprocess_onnx(given)
    data = floats(count, *shape[1:], seed=4) + 0.3
    plan = make_plan(Graph(model))
    statistics = LayerStatistics(plan)
    samples = list(read_samples(data, input_signature(model), again=True))
    measure_ranges(model, samples, plan.tensors(), statistics.observe)
    return model, plan, statistics, samples


def with_weight(model, name, value):
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(onnx.numpy_helper.from_array(value.astype(np.float32), name))
    return changed


@pytest.mark.parametrize("name", LAYERS)
def test_the_error_at_the_output_follows_from_the_moments(name):
    """Whatever the error of the weights is, onnxruntime's outputs change by what is foretold."""
    model, plan, statistics, samples = prepare(name)
    (layer,) = plan.layers()
    weight = plan.graph.constant(layer.weight)
    changed = weight + floats(*weight.shape, seed=9, scale=0.1)
    errors = patch_rows(layer, plan.graph, changed - weight)
    foretold = output_error(errors, statistics.moments(layer.node)).reshape(-1)
    outputs = [
        [run(m, sample)["y"].astype(np.float64) for sample in samples]
        for m in (model, with_weight(model, layer.weight, changed))
    ]
    difference = np.stack(outputs[1]) - np.stack(outputs[0])
    axis = 2 if plan.graph.nodes[layer.node].op_type == "Conv" else difference.ndim - 1
    others = tuple(a for a in range(difference.ndim) if a != axis)
    assert np.allclose(foretold, (difference**2).mean(axis=others), rtol=1e-4)
    mean = (errors @ statistics.means(layer.node)[:, :, np.newaxis]).reshape(-1)
    assert np.allclose(mean, difference.mean(axis=others), rtol=1e-3, atol=1e-5)


def test_many_patches_are_thinned_out_to_a_part_of_them():
    weight = floats(4, 3, 3, 3)
    model = preprocess_onnx(
        network([node("Conv", "x w", "y")], {"x": (1, 3, 130, 130)}, {"y": (1, 4, 128, 128)},
                {"w": weight})
    )  # fmt: skip
    plan = make_plan(Graph(model))
    statistics = LayerStatistics(plan)
    x = floats(1, 3, 130, 130)
    statistics.observe({"x": x})
    full = np.lib.stride_tricks.sliding_window_view(x[0], (3, 3), axis=(1, 2))
    patches = full.transpose(1, 2, 0, 3, 4).reshape(-1, 27).astype(np.float64)
    step = -(-len(patches) // (65536 // 27))
    assert step > 1
    chosen = patches[::step]
    assert np.allclose(statistics.moments(0)[0], chosen.T @ chosen / len(chosen), rtol=1e-4)


def random_layer(seed, groups=2, outputs=3, size=5):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(groups, outputs, size))
    mixing = generator.normal(size=(groups, size, size))
    patches = generator.normal(size=(groups, 200, size)) @ mixing
    return rows, patches, np.matmul(patches.transpose(0, 2, 1), patches) / 200


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_exponent_is_the_best_of_those_tried(seed, per_channel):
    print("seed", seed)
    rows, patches, moments = random_layer(seed)
    rows[0, 0, 0] = 9.0
    found = least_error_exponents(rows, moments, 8, "half_up", per_channel=per_channel)

    def error(exponent):
        """Of each output, from the patches themselves."""
        held = quantize(rows, exponent, 8, "half_up") * 2.0**exponent
        wrong = np.einsum("gok,gpk->gop", held - rows, patches)
        return (wrong**2).mean(axis=2).reshape(-1)

    if per_channel:
        largest = channel_exponents(rows.reshape(6, -1), 8, "half_up")
        tried = [error((largest - d).reshape(2, 3, 1)) for d in range(3)]
        assert np.array_equal(found, largest - np.argmin(tried, axis=0))
    else:
        largest = channel_exponents(rows[np.newaxis], 8, "half_up")
        tried = [error(np.array(int(largest[0]) - d)).sum() for d in range(3)]
        assert np.array_equal(found, largest - np.argmin(tried))


@pytest.mark.parametrize("rounding", ["half_up", "half_even"])
@pytest.mark.parametrize("seed", range(6))
def test_adaptive_rounding_comes_near_the_best_of_all_roundings(seed, rounding):
    """Every weight up or down, all 2^5 ways: the way taken is among the best."""
    print("seed", seed)
    rows, _, moments = random_layer(seed)
    exponents = np.full((2, 3), -2)
    held = round_weights(rows, exponents, moments, 8, rounding)
    assert np.array_equal(held, np.rint(held * 4) / 4)
    nearest = quantize(rows, np.int64(-2), 8, rounding) / 4.0
    found = output_error(held - rows, moments)
    for group, output in itertools.product(range(2), range(3)):
        row, moment = rows[group, output], moments[group]
        down = np.floor(row * 4)
        every = (down + np.array(list(itertools.product((0, 1), repeat=5)))) / 4
        errors = np.sort(output_error((every - row)[np.newaxis], moment[np.newaxis])[0])
        assert found[group, output] <= errors[len(errors) // 4]
    assert found.sum() <= output_error(nearest - rows, moments).sum()


@pytest.mark.parametrize("seed", range(3))
def test_adaptive_rounding_of_many_correlated_inputs_errs_far_less(seed):
    print("seed", seed)
    rows, _, moments = random_layer(seed, size=60)
    exponents = np.full((2, 3), -2)
    errors = [
        output_error(held - rows, moments).sum()
        for held in (
            round_weights(rows, exponents, moments, 8, "half_up"),
            quantize(rows, np.int64(-2), 8, "half_up") / 4.0,
        )
    ]
    assert errors[0] < 0.5 * errors[1]


def test_adaptive_rounding_in_blocks_is_that_without(monkeypatch):
    rows, _, moments = random_layer(1, groups=1, outputs=4, size=150)
    moments += 0.5 * np.eye(150)
    exponents = np.full((1, 4), -3)
    blocks = round_weights(rows, exponents, moments, 8, "half_up")
    monkeypatch.setattr("tvm_espdl.quantize.weight_rounding.BLOCK", 1000)
    assert np.array_equal(blocks, round_weights(rows, exponents, moments, 8, "half_up"))


def test_adaptive_rounding_saturates_and_heeds_the_exponent_of_each_output():
    rows, _, moments = random_layer(2)
    exponents = np.array([[-6, -5, -3], [-7, -6, -2]])
    held = round_weights(rows * 3, exponents, moments, 8, "half_even")
    integers = held / 2.0 ** exponents[:, :, np.newaxis]
    assert np.array_equal(integers, np.rint(integers))
    assert integers.min() >= -128
    assert integers.max() <= 127
    assert (np.abs(integers) >= 127).any()


def test_inputs_that_are_always_zero_hand_nothing_on():
    rows, _, moments = random_layer(3)
    moments[0] = 0.0
    held = round_weights(rows, np.full((2, 3), -4), moments, 8, "half_up")
    assert np.array_equal(held[0], quantize(rows[0], np.int64(-4), 8, "half_up") / 16.0)
    moments[1, 2, :] = moments[1, :, 2] = 0.0
    held = round_weights(rows, np.full((2, 3), -4), moments, 8, "half_up")
    assert np.isfinite(held).all()


def test_moments_that_are_not_positive_are_damped():
    rows, _, moments = random_layer(4)
    moments -= 0.5 * np.eye(5) * np.linalg.eigvalsh(moments).max()
    assert np.linalg.eigvalsh(moments).min() < 0
    held = round_weights(rows, np.full((2, 3), -4), moments, 8, "half_up")
    assert np.array_equal(held * 16, np.rint(held * 16))
    assert np.abs(held - rows).max() < 1
