"""Scatters and reversed sequences from ONNX, concatenations of many inputs, 1-D transposed
convolutions: against onnxruntime."""

import numpy as np
import pytest
from qdq_builder import QdqBuilder
from qdq_rearrangement import assert_onnx, assert_reference, compiled, operators_of, rules_of
from tvm import relay

from tvm_espdl.chips import find_chip
from tvm_espdl.relay import transform
from tvm_espdl.relay.ir import op_name

RNG = np.random.default_rng(20261122)


def scatter(reduction, indices, exponents=(-4, -4, -4), shape=(1, 4, 5), dtype=np.int8):
    builder = QdqBuilder(dtype)
    data = builder.quantized_input("data", shape, exponents[0])
    depth = indices.shape[-1]
    updates = (*indices.shape[:-1], *shape[depth:])
    given = builder.quantized_input("updates", updates, exponents[1])
    places = builder.constant(indices.astype(np.int64))
    result = builder.node("ScatterND", data, places, given, reduction=reduction)
    builder.output(builder.qdq(result, exponents[2]))
    return builder.model(18 if dtype == np.int8 else 21)


ROWS = np.array([[[0, 1], [0, -1]]])


@pytest.mark.parametrize("dtype", (np.int8, np.int16))
@pytest.mark.parametrize("reduction", ("none", "add", "mul", "max", "min"))
def test_scatter_nd(reduction, dtype):
    exponents = (-4, 0 if reduction == "mul" else -4, -4)
    for indices in (ROWS, np.array([[[0, 1, 2], [0, 3, 4], [0, 0, -1]]])):
        model = scatter(reduction, indices, exponents, dtype=dtype)
        library = compiled(model)
        assert "scatter_nd" in operators_of(library)
        assert_onnx(model, library)


def test_repeated_indices_add_up_one_after_the_other():
    model = scatter("add", np.array([[[0, 1], [0, 1], [0, 1]]]))
    library = compiled(model)
    data = np.full((1, 4, 5), 7, np.float32)
    updates = np.float32([5, 3, -4]).reshape(1, 3, 1).repeat(5, 2)
    (result,) = library.run([data, updates])
    # 112 + 80 saturates at 127 before 64 is taken away.
    limit = 127 / 16
    assert result[0, 1].tolist() == [limit + 3 - 3 - 4 + (0 if limit + 3 > limit else 3)] * 5
    assert (result[0, [0, 2, 3]] == 7).all()


@pytest.mark.parametrize(
    ("reduction", "exponents"),
    [("none", (-4, -4, -3)), ("add", (-4, -5, -4)), ("mul", (-4, -4, -4))],
)
def test_scatter_of_other_exponents_stays_with_tvm(reduction, exponents):
    library = compiled(scatter(reduction, ROWS, exponents))
    assert "scatter_nd" not in operators_of(library)
    assert "exponents_fit" in rules_of(library)


def reversal(length, shape=(1, 6, 3), dtype=np.int8):
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", shape)
    lengths = builder.constant(np.array([length], np.int64))
    result = builder.node("ReverseSequence", x, lengths, batch_axis=0, time_axis=1)
    builder.output(builder.qdq(result, -4))
    return builder.model(21)


@pytest.mark.parametrize("dtype", (np.int8, np.int16))
@pytest.mark.parametrize("length", (1, 2, 5, 6))
def test_reverse_sequence(length, dtype):
    model = reversal(length, dtype=dtype)
    library = compiled(model)
    assert operators_of(library) == ["quantize", "reverse_sequence", "dequantize"]
    assert_onnx(model, library)


def test_sequences_of_a_batch():
    """Inside a network a batch may be larger; each sequence has its own length."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 24))
    rows = builder.qdq(builder.node("Reshape", x, builder.constant(np.array([4, 3, 2]))), -4)
    for batch, time, lengths in ((1, 0, [2, 4, 3]), (0, 1, [3, 1, 2, 3])):
        given = builder.constant(np.array(lengths, np.int64))
        turned = builder.node("ReverseSequence", rows, given, batch_axis=batch, time_axis=time)
        builder.output(builder.qdq(turned, -4))
    model = builder.model()
    library = compiled(model)
    records = [s.operator for s in library.program.steps if s.operator.name == "reverse_sequence"]
    assert [(r.batch_axis, r.time_axis) for r in records] == [(1, 0), (0, 1)]
    assert_onnx(model, library)


def concatenation(count, exponents=(-4,)):
    builder = QdqBuilder()
    parts = [
        builder.quantized_input(f"x{n}", (1, 1 + n % 2, 3), exponents[n % len(exponents)])
        for n in range(count)
    ]
    builder.output(builder.qdq(builder.node("Concat", *parts, axis=1), -4))
    return builder.model()


@pytest.mark.parametrize(("count", "concats"), [(16, 1), (17, 2), (34, 4)])
def test_concatenations_of_many(count, concats):
    model = concatenation(count)
    library = compiled(model)
    assert operators_of(library).count("concat") == concats
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}
    assert_onnx(model, library)


def test_concatenations_of_hundreds_have_three_levels():
    mod, _ = relay.frontend.from_onnx(concatenation(257))
    unified = transform.unify(transform.canonicalize(mod), find_chip("esp32s3"))
    calls = [b.value for b in unified["main"].body.blocks[0].bindings]
    counts = [len(c.args[0].fields) for c in calls if op_name(c) == "relax.concat"]
    assert counts == [16] * 17 + [2]


def test_many_parts_of_other_exponents_are_requantized():
    model = concatenation(18, (-4, -3))
    library = compiled(model, "esp32p4")
    assert operators_of(library).count("concat") == 3
    assert operators_of(library).count("requantize") == 9
    assert_onnx(model, library)


def signal(*, group=1, dtype=np.int8, **attributes):
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", (1, 4, 7))
    filters = RNG.integers(-99, 100, (4, 5 if group == 1 else 1, 3)).astype(dtype)
    w = builder.weights(filters, -8)
    result = builder.node("ConvTranspose", x, w, group=group, **attributes)
    builder.output(builder.qdq(result, -2))
    return builder.model(21)


@pytest.mark.parametrize("chip", ("esp32", "esp32p4"))
@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2], "pads": [1, 1]},
        {"strides": [3], "output_padding": [2], "dilations": [2]},
        {"strides": [1]},
        {"strides": [2], "pads": [0, 1], "group": 4},
        {"strides": [2], "dtype": np.int16},
    ],
    ids=("padded", "dilated", "no stride", "depthwise", "int16"),
)
def test_transposed_convolutions_of_signals(attributes, chip):
    model = signal(**attributes)
    library = compiled(model, chip)
    names = operators_of(library)
    assert ("insert_zeros" in names) == (attributes["strides"] != [1])
    assert ("depthwise_conv1d" if "group" in attributes else "conv1d") in names
    # Chips but the P4 round ties up, where onnxruntime takes the even integer.
    assert_onnx(model, library, tolerance=0 if chip == "esp32p4" else 2.0**-2)
    assert_reference(library)


def test_a_signal_padded_beyond_its_filter_stays_with_tvm():
    library = compiled(signal(strides=[2], pads=[3, 3]))
    assert "insert_zeros" not in operators_of(library)
    assert "transposed_convolution_is_a_convolution" in rules_of(library)
