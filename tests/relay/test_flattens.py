"""Transposes in front of a flatten go into the matrix behind it, where that changes no bit."""

import pickle

import numpy as np
import pytest
from lowered import inputs_of, operators_in, outputs_of, program_of
from qdq_builder import QdqBuilder
from qdq_rearrangement import assert_reference, compiled

from tvm_espdl.program.passes import verify
from tvm_espdl.program.passes.fold_flattens import fold_flattens
from tvm_espdl.relay import lowering

RNG = np.random.default_rng(66)
CHIPS = ("esp32", "esp32s3", "esp32p4")
IMAGE = (1, 4, 6, 5)
DEPTH = 8 * 6 * 5


def integers(*shape, share=1.0):
    most = int(127 * share)
    return RNG.integers(-most, most + 1, shape).astype(np.int8)


def convolved(builder, channels=8):
    x = builder.quantized_input("x", IMAGE)
    w = builder.weights(integers(channels, IMAGE[1], 3, 3, share=0.4), -7)
    return builder.qdq(builder.node("Conv", x, w, pads=[1] * 4), -3)


def dense(builder, flat, columns=20, depth=DEPTH, share=0.1):
    """The sums stay below 2**19, the smallest accumulator, where `share` is small."""
    w = builder.weights(integers(depth, columns, share=share), -7)
    b = builder.weights(RNG.integers(-900, 900, columns).astype(np.int32), -10)
    return builder.qdq(builder.node("Gemm", flat, w, b), -2)


def flat(builder, x):
    return builder.qdq(builder.node("Flatten", x), -3)


def plain(builder):
    builder.output(dense(builder, flat(builder, convolved(builder))))


def without_quantization(builder):
    builder.output(dense(builder, builder.node("Flatten", convolved(builder))))


def with_functions(builder):
    tensor = builder.qdq(builder.node("Tanh", flat(builder, convolved(builder))), -6)
    tensor = builder.qdq(builder.node("Relu", tensor), -3)
    builder.output(dense(builder, tensor))


def two_readers(builder):
    tensor = flat(builder, convolved(builder))
    builder.output(dense(builder, tensor))
    builder.output(dense(builder, builder.qdq(builder.node("Tanh", tensor), -3), 5))


def reshaped_twice(builder):
    x = builder.node("Reshape", convolved(builder), builder.constant(np.array([8, 30, 1])))
    x = builder.node("Reshape", builder.qdq(x, -3), builder.constant(np.array([1, 1, DEPTH])))
    w = builder.weights(integers(DEPTH, 20, share=0.1), -7)
    builder.output(builder.qdq(builder.node("MatMul", builder.qdq(x, -3), w), -2))


def own_transpose(builder):
    """One that the model asks for: it reads rows, columns and channels in another order."""
    x = builder.node("Transpose", convolved(builder), perm=[0, 3, 1, 2])
    builder.output(dense(builder, flat(builder, builder.qdq(x, -3))))


def that_is_an_output(builder):
    tensor = flat(builder, convolved(builder))
    builder.output(tensor)
    builder.output(dense(builder, tensor))


def read_by_a_softmax(builder):
    tensor = flat(builder, convolved(builder))
    builder.output(builder.node("Softmax", tensor, axis=1))
    builder.output(dense(builder, tensor))


def product_per_row(builder):
    """The columns of an image as the depth of a product: its channels do not mix with them."""
    w = builder.weights(integers(5, 7, share=0.1), -7)
    builder.output(builder.qdq(builder.node("MatMul", convolved(builder), w), -2))


FOLDED = (plain, without_quantization, with_functions, two_readers, reshaped_twice, own_transpose)
KEPT = (that_is_an_output, read_by_a_softmax, product_per_row)


def network_of(build):
    builder = QdqBuilder()
    build(builder)
    return builder.model()


def transposes(program):
    names = operators_in(program)
    return names[names.index("conv2d") :].count("transpose")


def unfolded(monkeypatch, model, chip):
    with monkeypatch.context() as patched:
        patched.setattr(lowering, "run_passes", lambda program: program)
        return program_of(model, chip)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("build", FOLDED, ids=lambda f: f.__name__)
def test_transpose_goes_into_the_matrix(build, chip, monkeypatch):
    model = network_of(build)
    program, before = program_of(model, chip), unfolded(monkeypatch, model, chip)
    assert (transposes(program), transposes(before)) == (0, 1)
    inputs = inputs_of(program)
    results = outputs_of(program, inputs)
    for result, expected in zip(results, outputs_of(before, inputs), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_folded_network_on_the_host():
    assert_reference(compiled(network_of(two_readers)))


@pytest.mark.parametrize("build", KEPT, ids=lambda f: f.__name__)
def test_transpose_stays_where_something_else_reads_it(build):
    assert transposes(program_of(network_of(build))) == 1


@pytest.mark.parametrize(("chip", "kept"), [("esp32s3", 1), ("esp32p4", 0), ("esp32", 0)])
def test_transpose_stays_where_the_order_of_sums_counts(chip, kept):
    """The ESP32-S3 clamps each sum of these weights at 20 bits on its way."""

    def build(builder):
        builder.output(dense(builder, flat(builder, convolved(builder)), share=1.0))

    assert transposes(program_of(network_of(build), chip)) == kept


@pytest.mark.parametrize("build", FOLDED + KEPT, ids=lambda f: f.__name__)
def test_pass_leaves_its_input_and_changes_nothing_twice(build, monkeypatch):
    program = unfolded(monkeypatch, network_of(build), "esp32s3")
    before = pickle.dumps(program)
    once = fold_flattens(program)
    assert pickle.dumps(program) == before
    assert (once is program) == (build in KEPT)
    assert fold_flattens(once) is once
    verify(once, "fold_flattens")
