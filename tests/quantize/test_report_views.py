"""Two ways to look at layers: into the deployed program, and into networks compiled for it."""

import numpy as np
import pytest
from onnx import numpy_helper
from qdq_networks import floats, network, node

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor
from tvm_espdl.program import Origin, Program
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.exact import build_exact
from tvm_espdl.quantize.report import inner_tensors, layers
from tvm_espdl.quantize.report.inner_tensors import Integers, Move, values_of

SEED = 83


def image_to_classes():
    """All extents of the image are 6, so that no shape tells one layout from the other."""
    nodes = [node("Conv", "x w0 b0", "c", pads=[1, 1, 1, 1]), node("Relu", "c", "r"),
             node("Split", "r halves", "p q", axis=1), node("Sigmoid", "p", "s"),
             node("Mul", "s q", "m"), node("Concat", "m r", "k", axis=1),
             node("Conv", "k w1", "d", pads=[1, 1, 1, 1]), node("Add", "d r", "a"),
             node("Flatten", "a", "f"), node("Tanh", "f", "t"), node("Gemm", "t g", "e", transB=1),
             node("Softmax", "e", "y", axis=1)]  # fmt: skip
    constants = {
        "w0": floats(6, 6, 3, 3, seed=SEED, scale=0.2), "b0": floats(6, seed=SEED + 1),
        "w1": floats(6, 9, 3, 3, seed=SEED + 2, scale=0.2),
        "g": floats(5, 216, seed=SEED + 3, scale=0.1), "halves": np.array([3, 3]),
    }  # fmt: skip
    return network(nodes, {"x": (1, 6, 6, 6)}, {"y": (1, 5)}, constants)


def channels_last():
    """Transposes at both ends, as TensorFlow's converters write them; the first one vanishes."""
    nodes = [node("Transpose", "x", "i", perm=[0, 3, 1, 2]), node("Conv", "i w", "c"),
             node("Relu", "c", "r"), node("Transpose", "r", "o", perm=[0, 2, 3, 1]),
             node("Reshape", "o flat", "h"), node("MatMul", "h g", "y")]  # fmt: skip
    constants = {"w": floats(4, 4, 1, 1, seed=SEED), "g": floats(64, 3, seed=SEED + 1),
                 "flat": np.array([1, 64])}  # fmt: skip
    return network(nodes, {"x": (1, 4, 4, 4)}, {"y": (1, 3)}, constants)


NETWORKS = {"image": image_to_classes, "channels last": channels_last}


def measured(name, chip, monkeypatch, *, recompile):
    """The noise of each row, and what `values_of` has said."""
    model = NETWORKS[name]()
    (shape,) = [tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in model.graph.input]
    samples = floats(12, *shape[1:], seed=SEED + 9)
    found = []

    def looked(*arguments):
        values = None if recompile else values_of(*arguments)
        found.append(values)
        return values

    monkeypatch.setattr(layers, "values_of", looked)
    report = quantize_onnx(model, samples, chip).report
    return [(row.name, row.own, row.cumulative) for row in report.rows], found


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
@pytest.mark.parametrize("name", NETWORKS)
def test_both_ways_see_the_same(name, chip, monkeypatch):
    rows, (values,) = measured(name, chip, monkeypatch, recompile=False)
    assert values is not None
    again, _ = measured(name, chip, monkeypatch, recompile=True)
    assert rows == again, f"seed {SEED}"
    assert sum(own is not None for _, own, _ in rows) > 4


TENSOR = Tensor("int8", (1, 3, 4), -2)
KEPT = {"a": Integers((1, 4, 3), -2, 8)}


def program(origins, tensor=TENSOR):
    values = dict.fromkeys(origins, tensor)
    return Program(find_chip("esp32s3"), values, (), (), (), origins=origins)


def test_a_tensor_is_shown_by_one_value_of_its_type():
    one = {"a_2": Origin("a")}
    assert values_of(program(one), KEPT, {}) == {"a_2": "a"}
    assert values_of(program({**one, "a": Origin("a")}), KEPT, {}) is None
    assert values_of(program({"a": Origin("b")}), KEPT, {}) is None
    for other in (Tensor("int8", (1, 3, 4), -3), Tensor("int16", (1, 3, 4), -2),
                  Tensor("int8", (1, 3, 5), -2)):  # fmt: skip
        assert values_of(program(one, other), KEPT, {}) is None


def test_a_tensor_that_has_vanished_is_moved_from_one_that_is_shown():
    both = {**KEPT, "t": Integers((1, 3, 4), -2, 8)}
    shown = program({"a": Origin("a")})
    assert values_of(shown, both, {"t": Move("a", (0, 2, 1))}) == {"a": "a"}
    assert values_of(shown, both, {}) is None
    assert values_of(shown, both, {"t": Move("b", None)}) is None
    finer = {**KEPT, "t": Integers((1, 3, 4), -3, 8)}
    assert values_of(shown, finer, {"t": Move("a", None)}) is None


def test_moves_are_transposes_and_reshapes():
    assert Move.of(node("Transpose", "a", "b"), 3) == Move("a", (2, 1, 0))
    assert Move.of(node("Transpose", "a", "b", perm=[0, 2, 1]), 3) == Move("a", (0, 2, 1))
    for kind in ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"):
        assert Move.of(node(kind, "a s", "b"), 3) == Move("a", None)
    assert Move.of(node("Relu", "a", "b"), 3) is None


def test_turns_there_and_back():
    stored = np.arange(24).reshape(1, 24)
    turns = (((2, 3, 4), (2, 0, 1)), ((4, 6), (1, 0)))
    turned = inner_tensors._turned(stored, turns)
    assert np.array_equal(turned, stored.reshape(2, 3, 4).transpose(2, 0, 1).reshape(4, 6).T)
    assert np.array_equal(inner_tensors._turned_back(turned, turns).ravel(), stored.ravel())


def test_a_watcher_sees_each_value_and_may_replace_it():
    nodes = [node("Gemm", "x a", "s", transB=1), node("Gemm", "s b", "y", transB=1)]
    constants = {"a": floats(8, 6, seed=SEED), "b": floats(5, 8, seed=SEED + 1)}
    model = network(nodes, {"x": (1, 6)}, {"y": (1, 5)}, constants)
    samples = floats(8, 6, seed=SEED + 2)
    (exact,) = build_exact([quantize_onnx(model, samples, measure=False).model])
    seen = {}

    def watch(name, array):
        seen[name] = array
        return np.zeros_like(array) if name == "s" else None

    found = exact.outputs({"x": samples[:1]}, watch)
    steps = exact.program.steps
    assert list(seen) == [name for step in steps for name in step.outputs]
    assert seen["s"].any()
    assert not found["y"].any()
    weights = numpy_helper.to_array(model.graph.initializer[0])
    scale = 2.0 ** exact.program.values["s"].exponent
    wanted = weights.astype(float) @ samples[0]
    assert np.abs(seen["s"][0] * scale - wanted).max() < 0.1 * np.abs(wanted).max()
