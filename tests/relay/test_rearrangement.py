"""Concat, split, slice, gather, pad, shuffles: from ONNX to operators, in any layout.

These operators only move elements, so that results equal onnxruntime's exactly.
"""

import numpy as np
import pytest
from qdq_builder import QdqBuilder
from qdq_rearrangement import (
    IMAGE,
    assert_left_to_tvm,
    assert_onnx,
    assert_reference,
    axes,
    compiled,
    natives_of,
    one,
    operators_of,
    rules_of,
)

RNG = np.random.default_rng(11)
SLICED = (axes(1, -4), axes(9, 1000), axes(1, 2), axes(3, 2))
ALL_BACKWARDS = (axes(-1), axes(-1000), axes(3), axes(-1))

# name -> (operator, model)
POSITIVE = {
    "slice": ("slice", lambda dtype: one("Slice", *SLICED, dtype=dtype)),
    "slice without axes": (
        "slice",
        lambda dtype: one("Slice", axes(0, 3), axes(1, 7), dtype=dtype),
    ),
    "reversed": ("slice", lambda dtype: one("Slice", *ALL_BACKWARDS, dtype=dtype)),
    "gather": ("gather", lambda dtype: one("Gather", axes(5, -1, 5), axis=1, dtype=dtype)),
    "gather of one": ("gather", lambda dtype: one("Gather", np.array(-2), axis=2, dtype=dtype)),
    "gather of a table": (
        "gather",
        lambda dtype: one("Gather", axes(1, 0, 3, 2).reshape(2, 2), axis=3, dtype=dtype),
    ),
    "pad with a constant": (
        "pad",
        lambda dtype: one("Pad", axes(0, 1, 2, 0, 0, 0, 1, 3), np.float32(0.5), dtype=dtype),
    ),
    "pad with zeros": ("pad", lambda dtype: one("Pad", axes(0, 0, 1, 1, 0, 0, 1, 1), dtype=dtype)),
    "pad with the edge": (
        "pad",
        lambda dtype: one("Pad", axes(0, 0, 2, 1, 0, 0, 1, 2), mode="edge", dtype=dtype),
    ),
    "pad with the reflection": (
        "pad",
        lambda dtype: one("Pad", axes(0, 0, 2, 1, 0, 0, 1, 4), mode="reflect", dtype=dtype),
    ),
    "pixel shuffle": (
        "depth_to_space",
        lambda dtype: one("DepthToSpace", blocksize=2, mode="CRD", dtype=dtype),
    ),
    "depth to space": (
        "depth_to_space",
        lambda dtype: one("DepthToSpace", shape=(1, 8, 3, 2), blocksize=2, dtype=dtype),
    ),
    "space to depth": (
        "space_to_depth",
        lambda dtype: one("SpaceToDepth", shape=(1, 1, 6, 4), blocksize=2, dtype=dtype),
    ),
    "squeeze": ("reshape", lambda dtype: one("Squeeze", axes(0), dtype=dtype)),
    "unsqueeze": ("reshape", lambda dtype: one("Unsqueeze", axes(1), dtype=dtype)),
}

# name -> (rule, model)
NEGATIVE = {
    "part of an axis backwards": (
        "backward_slice_is_centred",
        lambda: one("Slice", axes(4), axes(1), axes(2), axes(-1)),
    ),
    "pad of seven dimensions": (
        "rank_fits",
        lambda: one("Pad", axes(*(0, 0, 1, 0, 1, 0, 1) * 2), shape=(1, 2, 3, 2, 2, 1, 2)),
    ),
    "edge of six dimensions": (
        "inside_has_few_dimensions",
        lambda: one("Pad", axes(*(0, 0, 1, 0, 1, 0) * 2), shape=(1, 2, 3, 2, 2, 2), mode="edge"),
    ),
    "pad that removes": ("padding_only_adds", lambda: one("Pad", axes(0, 0, -1, 0, 0, 0, 0, 0))),
    "pad with a tie": (
        "padding_is_no_tie",
        lambda: one("Pad", axes(0, 0, 1, 0, 0, 0, 0, 0), np.float32(0.5 / 16)),
    ),
}


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("name", POSITIVE)
def test_node_becomes_the_operator(name, dtype):
    operator, model_of = POSITIVE[name]
    model = model_of(dtype)
    library = compiled(model)
    assert operator in operators_of(library), str(library.report())
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}
    assert_onnx(model, library)


@pytest.mark.parametrize("name", NEGATIVE)
def test_refused_node_stays_with_tvm(name):
    rule, model_of = NEGATIVE[name]
    assert_left_to_tvm(model_of(), rule)


@pytest.mark.parametrize(("operator", "constants"), [("Slice", SLICED), ("Gather", (axes(0, 0),))])
def test_another_exponent_is_a_requantize_behind(operator, constants):
    library = compiled(one(operator, *constants, exponent=-3))
    names = operators_of(library)
    assert names[1:3] == [operator.lower(), "requantize"], str(library.report())
    assert_reference(library)


@pytest.mark.parametrize(
    ("operator", "shape"), [("DepthToSpace", IMAGE), ("SpaceToDepth", (1, 3, 4, 6))]
)
def test_refused_shuffle_is_moved_in_steps(operator, shape):
    """ESP-DL orders these channels otherwise than ONNX; reshape and transpose do not."""
    model = one(operator, shape=shape, blocksize=2)
    library = compiled(model)
    assert not {"depth_to_space", "space_to_depth"} & set(operators_of(library))
    assert "transpose" in operators_of(library)
    assert not natives_of(library)
    assert_onnx(model, library)


def test_index_outside_is_refused():
    library = compiled(one("Gather", axes(0, 99), axis=1))
    assert "indices_are_inside" in rules_of(library)
    assert "gather" not in operators_of(library)


def joined(exponents, axis=1, output=-4):
    builder = QdqBuilder()
    names = [f"x{n}" for n in range(len(exponents))]
    parts = [
        builder.quantized_input(n, (1, 4, 3, 3), e) for n, e in zip(names, exponents, strict=True)
    ]
    builder.output(builder.qdq(builder.node("Concat", *parts, axis=axis), output))
    return builder.model()


@pytest.mark.parametrize("count", [1, 2, 5, 16])
@pytest.mark.parametrize("axis", [1, -1])
def test_concat_of_many(count, axis):
    model = joined([-4] * count, axis)
    library = compiled(model)
    assert operators_of(library).count("concat") == 1
    assert_onnx(model, library)


def test_concat_of_one_tensor_with_itself_and_a_constant():
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 4, 3, 3))
    constant = builder.weights(RNG.integers(-128, 128, (1, 2, 3, 3)).astype(np.int8), -4)
    builder.output(builder.qdq(builder.node("Concat", x, constant, x, axis=1), -4))
    model = builder.model()
    library = compiled(model)
    assert operators_of(library).count("concat") == 1
    assert_onnx(model, library)


def test_concat_of_seventeen_is_joined_in_steps():
    model = joined([-4] * 17)
    library = compiled(model)
    assert operators_of(library).count("concat") > 1
    assert not natives_of(library)
    assert_onnx(model, library)


def test_split_becomes_slices():
    model = one("Split", axes(3, 4, 9), axis=1, outputs=3)
    library = compiled(model)
    assert operators_of(library).count("slice") == 3, str(library.report())
    assert_onnx(model, library)


def test_split_with_one_result_requantized():
    builder = QdqBuilder()
    x = builder.quantized_input("x", IMAGE)
    first, second = builder.node("Split", x, builder.constant(axes(8, 8)), outputs=2, axis=1)
    builder.output(builder.qdq(first, -4))
    builder.output(builder.qdq(second, -2))
    library = compiled(builder.model())
    assert operators_of(library).count("slice") == 2, str(library.report())
    assert operators_of(library).count("requantize") == 1
    assert_reference(library)


def between_convolutions(middle):
    """conv, what `middle(builder, tensor)` adds, conv: nothing in between may be transposed."""
    builder = QdqBuilder()

    def convolved(tensor, depth, filters):
        shape = (filters, depth, 1, 1)
        w = builder.weights(RNG.integers(-128, 128, shape).astype(np.int8), -7)
        return builder.qdq(builder.node("Conv", tensor, w), -4)

    inner = convolved(builder.quantized_input("x", (1, 4, 6, 6)), 4, 8)
    depth, result = middle(builder, inner)
    builder.output(convolved(builder.qdq(result, -4), depth, 4))
    return builder.model()


def doubled(builder, x):
    other = builder.qdq(builder.node("MaxPool", x, kernel_shape=[1, 1]), -4)
    return 16, builder.node("Concat", x, other, axis=1)


def with_constants(operator, depth, *constants, **attributes):
    def middle(builder, x):
        return depth, builder.node(operator, x, *map(builder.constant, constants), **attributes)

    return middle


@pytest.mark.parametrize(
    ("operator", "middle"),
    [
        ("concat", doubled),
        ("slice", with_constants("Slice", 3, axes(1), axes(4), axes(1))),
        ("gather", with_constants("Gather", 3, axes(7, 0, 2), axis=1)),
        ("pad", with_constants("Pad", 10, axes(0, 1, 1, 0, 0, 1, 0, 2), np.float32(1))),
        ("reduce_mean", with_constants("ReduceMean", 1, axes=[1])),
        ("reduce_max", with_constants("ReduceMax", 8, axes=[2, 3])),
        ("resize_linear", None),
        ("depth_to_space", with_constants("DepthToSpace", 2, blocksize=2, mode="CRD")),
    ],
)
def test_nothing_is_transposed_inside(operator, middle):
    if middle is None:

        def middle(builder, x):
            sizes = builder.constant(axes(1, 8, 9, 12))
            return 8, builder.node("Resize", x, "", "", sizes, mode="linear")

    library = compiled(between_convolutions(middle))
    names = operators_of(library)
    first, last = (i for i, name in enumerate(names) if name == "conv2d")
    assert operator in names[first:last], names
    assert "transpose" not in names[first:last], names
    assert_reference(library)


def test_squeeze_behind_a_convolution_is_a_reshape():
    """Rows and columns of one pixel: the channels are in order in both layouts."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 4, 3, 3))
    w = builder.weights(RNG.integers(-128, 128, (6, 4, 3, 3)).astype(np.int8), -7)
    image = builder.qdq(builder.node("Conv", x, w), -3)
    builder.output(builder.qdq(builder.node("Squeeze", image, builder.constant(axes(2, 3))), -3))
    library = compiled(builder.model())
    assert operators_of(library)[-1] in ("reshape", "dequantize")
    assert operators_of(library).count("transpose") == 1  # of the input
    assert_reference(library)


def test_shuffle_with_quantized_steps():
    """PyTorch's PixelShuffle as reshape, transpose, reshape, each quantized on its own."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 8, 3, 3))
    for shape, order in (((1, 2, 2, 2, 3, 3), [0, 1, 4, 2, 5, 3]), ((1, 2, 6, 6), None)):
        x = builder.qdq(builder.node("Reshape", x, builder.constant(axes(*shape))), -4)
        if order:
            x = builder.qdq(builder.node("Transpose", x, perm=order), -4)
    builder.output(x)
    model = builder.model()
    library = compiled(model)
    assert "depth_to_space" in operators_of(library), str(library.report())
    assert_onnx(model, library)
