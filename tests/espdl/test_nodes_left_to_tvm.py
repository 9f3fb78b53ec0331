"""Nodes of a file that neither ESP-DL nor this package runs: TVM does, and the report says why."""

import math
import warnings

import numpy as np
import onnx
import onnx.reference
import pytest
from network_in_c import run_network
from small_models import attributes, model, tensor, value, write
from test_nodes import one
from test_recurrent_nodes import GATE, HIDDEN, STEPS, arrays, layer

from tvm_espdl import relay
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.espdl import Node, load

CHIPS = {"int8": "esp32s3", "int16": "esp32p4"}


def integers(dtype, *shape):
    limits = np.iinfo(dtype)
    return np.random.default_rng(7).integers(limits.min, limits.max + 1, shape).astype(dtype)


def compiled(given, chip, said):
    with pytest.warns(EspdlWarning, match=said):
        return compile_espdl(given if not hasattr(given, "graph") else load(write(given)), chip)


def in_c(library, *arrays):
    (results,) = run_network(library.program, [library.feed(list(arrays))])
    return results


def cumulated(x):
    return np.cumsum(x, 1)


def error_function(x):
    return np.vectorize(math.erf)(x)


@pytest.mark.parametrize("dtype", CHIPS)
@pytest.mark.parametrize(
    ("op_type", "function", "exponent", "constants"),
    [
        ("Erf", error_function, -6, []),
        ("CumSum", cumulated, -2, [tensor("axis", np.int64(1))]),
    ],
)
def test_an_operator_that_nobody_has(op_type, function, exponent, constants, dtype):
    """The reason stands in the report, behind `relay.build` as well; C has the PC's bits."""
    x, chip = integers(dtype, 3, 5), CHIPS[dtype]
    x = x // (1 if dtype == "int8" else 200)
    given = one(
        op_type, [value("x", x.shape, -5, dtype), value("y", (1,), exponent, dtype)], constants
    )
    said = f"Neither ESP-DL nor this package.*Found: it .{op_type}.. Here TVM computes it in float"
    library = compiled(given, chip, said)
    y = library(x)
    exact = function(x / 32.0) / 2.0**exponent
    limits = np.iinfo(dtype)
    assert y.dtype == dtype
    assert np.abs(y - np.clip(exact, limits.min, limits.max)).max() <= 0.51
    assert np.array_equal(in_c(library, x)[0], y)
    (row,) = library.report().nodes
    assert (row.defined_by, row.kernel) == ("TVM", "tvm")
    with pytest.warns(EspdlWarning):
        mod, _ = relay.frontend.from_espdl(write(given), chip)
    again = relay.build(mod, target=f"espressif/{chip}")
    assert np.array_equal(again(x), y)
    for report in (library.report(), again.report()):
        (reason,) = report.reasons
        assert reason.refusal.rule == "has_an_operator"
        assert f"it ({op_type})" in str(report)
    with pytest.raises(ModelError, match="ESP-DL's runtime cannot run a part"):
        library.save_espdl("never.espdl")


@pytest.mark.parametrize("dtype", CHIPS)
@pytest.mark.parametrize(("mode", "scale"), [("cubic", 2), ("linear", 1.75)])
def test_pixels_between_others(mode, scale, dtype):
    """Data with channels last, as files have them; of odd scales, or with four neighbours."""
    x, chip = integers(dtype, 1, 5, 4, 2), CHIPS[dtype]
    scales = np.float32([1, 1, scale, scale])
    given = one(
        "Resize",
        [value("x", x.shape, -4, dtype), value("y", (1,), -3, dtype)],
        [tensor("s", scales)],
        ["x", "", "s"],
        mode=mode,
    )
    node = onnx.helper.make_node("Resize", ["x", "", "s"], ["y"], mode=mode)
    evaluated = onnx.reference.ReferenceEvaluator(node)
    real = np.float32(x.transpose(0, 3, 1, 2) / 16.0)
    (exact,) = evaluated.run(None, {"x": real, "s": scales})
    library = compiled(given, chip, "Here TVM computes it in float, from and to the integers")
    y = library(x)
    limits = np.iinfo(dtype)
    expected = np.clip(exact.transpose(0, 2, 3, 1) * 8, limits.min, limits.max)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= (0.51 if dtype == "int8" else 1)
    assert np.array_equal(in_c(library, x)[0], y)


def test_floats_between_integers():
    """What the exporter left float stays so: a clip, a mean, a pool, a concatenation, a root."""
    nodes = [
        Node("DequantizeLinear", ("x",), ("r",), {}, name="real"),
        Node("Clip", ("r", "low", "high"), ("c",), {}, name="clip"),
        Node(
            "MaxPool", ("c",), ("p",), attributes(kernel_shape=(2, 2), strides=(2, 2)), name="pool"
        ),
        Node("ReduceMean", ("p", "axes"), ("m",), attributes(keepdims=0), name="mean"),
        Node("Concat", ("m", "m"), ("j",), attributes(axis=1), name="join"),
        Node("Sin", ("j",), ("s",), {}, name="sine"),
        Node("QuantizeLinear", ("s",), ("y",), attributes(quant_type="S8"), name="again"),
    ]
    shapes = {"r": (1, 4, 4, 3), "c": (1, 4, 4, 3), "p": (1, 2, 2, 3), "m": (1, 3)}
    values = [value(n, s, 0, "float32") for n, s in {**shapes, "j": (1, 6), "s": (1, 6)}.items()]
    constants = [
        tensor("low", np.float32(-1.5)),
        tensor("high", np.float32(2)),
        tensor("axes", np.int64([1, 2])),
    ]
    given = model(
        nodes,
        [*values, value("x", (1, 4, 4, 3), -4), value("y", (1, 6), -7)],
        ["x"],
        ["y"],
        constants,
    )
    library = compiled(given, "esp32", "Here TVM computes it in float")
    x = integers("int8", 1, 4, 4, 3)
    real = np.clip(x / 16.0, -1.5, 2).reshape(2, 2, 2, 2, 3).max((1, 3)).mean((0, 1))
    exact = np.sin(np.tile(real, 2)) * 128
    assert np.abs(library(x)[0] - np.clip(exact, -128, 127)).max() <= 0.51
    assert np.array_equal(in_c(library, x)[0], library(x))


def test_a_node_with_several_results_and_indices():
    """The largest ones, as floats; where they stand is not in the file."""
    node = Node("TopK", ("x", "k"), ("y", "at"), attributes(axis=1), name="top")
    values = [value("x", (2, 5), -3), value("y", (2, 2), -3)]
    given = model([node], values, ["x"], ["y"], [tensor("k", np.int64([2]))])
    with pytest.raises(ModelError, match=r"no operator of this package.*TopK"):
        compile_espdl(load(write(given)), "esp32s3")
    alone = model(
        [Node("TopK", ("x", "k"), ("y", ""), attributes(axis=1), name="top")],
        values,
        ["x"],
        ["y"],
        [tensor("k", np.int64([2]))],
    )
    x = integers("int8", 2, 5)
    library = compiled(alone, "esp32s3", "Found: top .TopK.")
    assert np.array_equal(library(x), -np.sort(-x.astype(int), 1)[:, :2])


def test_gates_that_are_coupled():
    """An LSTM that ESP-DL would compute as another one."""
    file = layer("LSTM", ["y"], input_forget=1)
    library = compiled(file, "esp32s3", "coupled gates. Found: input_forget 1. Here TVM")
    x, w, r, b = arrays("LSTM")
    w, r = w * 2.0**-7, r * 2.0**-7
    offset = (b[0, : 4 * HIDDEN] + b[0, 4 * HIDDEN :]) * 2.0**GATE
    h = c = np.zeros(HIDDEN)
    results = []
    for step in range(STEPS):
        sums = w[0] @ (x[step, 0] * 2.0**-7) + r[0] @ h + offset
        i, o, _, g = sums.reshape(4, HIDDEN)
        i, o = (1 / (1 + np.exp(-v)) for v in (i, o))
        c = (1 - i) * c + i * np.tanh(g)
        h = o * np.tanh(c)
        results.append(h)
    y = library(x)
    exact = np.array(results).reshape(y.shape) * 128
    assert np.abs(y - np.clip(exact, -128, 127)).max() <= 0.51
    assert np.array_equal(in_c(library, x)[0], y)


def test_very_many_images_are_no_calls_of_their_own():
    x = np.arange(600 * 4, dtype=np.int16).reshape(600, 2, 2, 1)
    values = [value("x", x.shape, -4, "int16"), value("y", (1,), -4, "int16")]
    given = one("MaxPool", values, kernel_shape=(2, 2), strides=(1, 1))
    library = compiled(given, "esp32", "one image at a time. Found: batch 600. Here TVM")
    assert np.array_equal(library(x), x[:, 1:, 1:])
    (reason,) = library.report().reasons
    assert reason.refusal.rule == "batch_is_one"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (one("Conw", [value("x", (1,)), value("y", (1,))]), r"node 'it' \(Conw\): no operator"),
        (one("Erf", [value("x", (3,)), value("y", (3,), 0, "bool")]), "no operator.*found: Erf"),
        (
            one("Tile", [value("x", (3,)), value("y", (3,))], [tensor("n", np.int64([1 << 40]))]),
            "no tensor that a chip can hold|no operator.*found: Tile",
        ),
        (
            one("Where", [value("x", (3,)), value("z", (4,)), value("y", (3,))]),
            "no operator.*found: Where",
        ),
        (
            one(
                "Resize",
                [value("x", (1, 2, 2, 1)), value("y", (1, 2, 2, 1))],
                [tensor("s", np.float32([1, 1, 2, 2]))],
                ["x", "", "s"],
                mode="lanczos",
            ),
            "a mode of resizing",
        ),
    ],
)
def test_damage_stays_an_error(given, said):
    """Where ONNX knows no such node, or it contradicts its tensors, the first reason is told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EspdlWarning)
        with pytest.raises(ModelError, match=said):
            compile_espdl(load(write(given)), "esp32s3")
