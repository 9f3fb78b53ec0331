"""Reductions from ONNX to operators, axes kept or dropped; the mean is no global average pool."""

import numpy as np
import pytest
from qdq_builder import QdqBuilder
from qdq_rearrangement import (
    assert_left_to_tvm,
    assert_onnx,
    assert_reference,
    axes,
    compiled,
    natives_of,
    one,
    operators_of,
)

STEP = 2.0**-4
SMALL = (1, 4, 3, 3)

# ONNX operator -> (operator, exponent of the result)
REDUCTIONS = {
    "ReduceMean": ("reduce_mean", -4),
    "ReduceSum": ("reduce_sum", -1),
    "ReduceMax": ("reduce_max", -4),
    "ReduceMin": ("reduce_min", -4),
    "ReduceProd": ("reduce_prod", 3),
    "ReduceL1": ("reduce_l1", -1),
    "ReduceL2": ("reduce_l2", -2),
    "ReduceSumSquare": ("reduce_sum_square", 1),
    "ReduceLogSumExp": ("reduce_log_sum_exp", -3),
}


def reduced(name, over, **attributes):
    """ReduceSum has had its axes as an input since opset 13, the others since 18."""
    exponent = REDUCTIONS.get(name, (None, -4))[1]
    attributes = {"exponent": exponent, "shape": SMALL, **attributes}
    if name == "ReduceSum" or attributes.get("opset", 13) >= 18:
        return one(name, axes(*over), **attributes)
    return one(name, axes=list(over), **attributes)


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("over", [(1,), (2, 3), (-1, 1), (0, 1, 2, 3)])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_node_becomes_the_operator(name, over, keepdims):
    operator, exponent = REDUCTIONS[name]
    model = reduced(name, over, keepdims=keepdims)
    library = compiled(model)
    assert operator in operators_of(library), str(library.report())
    assert not natives_of(library)
    assert_onnx(model, library, tolerance=2.0**exponent)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
@pytest.mark.parametrize("name", [*REDUCTIONS, "ReduceLogSum"])
def test_newer_opset_and_16_bits(name, chip):
    dtype = np.int8 if name == "ReduceL2" else np.int16
    opset = 18 if dtype == np.int8 else 21
    attributes = {"exponent": -4} if name in ("ReduceMax", "ReduceMin") else {}
    model = reduced(name, (2,), dtype=dtype, opset=opset, keepdims=0, **attributes)
    library = compiled(model, chip)
    if name == "ReduceLogSumExp":  # exponentials of 16 bits at -4 are too large
        assert natives_of(library)
        return
    assert not natives_of(library), str(library.report())
    assert_reference(library)


# name -> (rule, model)
NEGATIVE = {
    "maximum of turns": ("runs_fit", reduced("ReduceMax", (1, 3), shape=(1, 2, 3, 2, 2))),
    "mean of turns": ("runs_fit", reduced("ReduceMean", (1, 3, 5), shape=(1, 2, 3, 2, 2, 3))),
    "large norms": ("root_is_found", reduced("ReduceL2", (1, 2, 3), shape=(1, 64, 12, 12))),
    "far shift": ("shift_is_defined", reduced("ReduceSum", (1,), exponent=40)),
}


@pytest.mark.parametrize("name", NEGATIVE)
def test_refused_node_stays_with_tvm(name):
    rule, model = NEGATIVE[name]
    assert_left_to_tvm(model, rule)


def test_mean_and_global_average_pool_stay_apart():
    """They round differently: 49 pixels, as in many classifiers."""
    shape = (1, 32, 7, 7)
    pool = compiled(one("GlobalAveragePool", shape=shape))
    mean = compiled(one("ReduceMean", axes=[2, 3], shape=shape))
    dropped = compiled(one("ReduceMean", axes=[2, 3], keepdims=0, shape=shape))
    assert "average_pool2d" in operators_of(pool)
    assert "reduce_mean" not in operators_of(pool)
    for library in (mean, dropped):
        assert "reduce_mean" in operators_of(library)
        assert "average_pool2d" not in operators_of(library)
        assert_reference(library)


def test_dropped_axes_behind_a_convolution_need_no_transpose():
    builder = QdqBuilder()
    rng = np.random.default_rng(1)
    x = builder.quantized_input("x", (1, 4, 6, 6))
    w = builder.weights(rng.integers(-128, 128, (8, 4, 3, 3)).astype(np.int8), -7)
    image = builder.qdq(builder.node("Conv", x, w), -3)
    mean = builder.qdq(builder.node("ReduceMean", image, axes=[2, 3], keepdims=0), -4)
    matrix = builder.weights(rng.integers(-128, 128, (8, 10)).astype(np.int8), -7)
    builder.output(builder.qdq(builder.node("Gemm", mean, matrix), -3))
    library = compiled(builder.model())
    names = operators_of(library)
    assert names[names.index("conv2d") :][:4] == ["conv2d", "reduce_mean", "reshape", "gemm"]
    assert_reference(library)
