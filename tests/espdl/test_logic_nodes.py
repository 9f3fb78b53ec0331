"""Comparisons, powers, scatters, reversed sequences and norms in a file: read, refused, written."""

import numpy as np
import pytest
from qdq_builder import QdqBuilder
from small_models import attributes, model, tensor, value, write

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.espdl import Node, load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.program import reference

RNG = np.random.default_rng(8)
COMPARISONS = {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
}


def one(op_type, values, constants=(), order=None, **given):
    """A network of one node; `order` is that of its inputs."""
    names = order or [v.name for v in values[:-1]] + [t.name for t in constants]
    node = Node(op_type, tuple(names), ("y",), attributes(**given), name="it")
    return model([node], values, [v.name for v in values[:-1]], ["y"], constants)


def evaluate(given, chip="esp32s3", **arrays):
    made = program_of(load(write(given)), find_chip(chip))
    return reference.outputs(made, arrays)[made.output_names[0]]


def integers(*shape):
    return RNG.integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize("kind", COMPARISONS)
def test_comparisons(kind):
    a, b = RNG.integers(-3, 3, (2, 9)).astype(np.int8), RNG.integers(-3, 3, 9).astype(np.int8)
    values = [value("a", a.shape), value("b", b.shape), value("y", (2, 9), 0, "bool")]
    given = one(kind, values)
    result = evaluate(given, a=a, b=b)
    assert result.dtype == np.bool_
    np.testing.assert_array_equal(result, COMPARISONS[kind](a, b))
    mod, _ = relay.frontend.from_espdl(write(given), "esp32s3")
    (built,) = relay.build(mod, target="espressif/esp32s3").run([a, b])
    np.testing.assert_array_equal(built, result)


def test_a_constant_operand():
    a = integers(1, 20)
    values = [value("a", a.shape, -3), value("y", a.shape, -3)]
    power = evaluate(one("Pow", values, [tensor("p", np.int8([2]), 0)]), a=a)
    exact = np.floor(a.astype(int) ** 2 * 2.0**-3 + 0.5)
    np.testing.assert_array_equal(power, np.minimum(exact, 127))
    # The chip ignores `fmod`: the sign is the dividend's.
    for fmod in (0, 1):
        rest = evaluate(one("Mod", values, [tensor("m", np.int8([7]), -3)], fmod=fmod), a=a)
        np.testing.assert_array_equal(rest, np.fmod(a.astype(int), 7))


def test_scatter():
    data, updates = integers(3, 4), integers(2, 4)
    values = [value("d", data.shape), value("u", updates.shape), value("y", data.shape)]
    indices = tensor("i", np.int64([[2], [0]]), 0)
    expected = data.copy()
    expected[[2, 0]] = updates
    given = one("ScatterND", values, [indices], order=["d", "i", "u"])
    np.testing.assert_array_equal(evaluate(given, d=data, u=updates), expected)
    given = one("ScatterND", values, [indices], order=["d", "i", "u"], reduction="max")
    expected[[2, 0]] = np.maximum(data[[2, 0]], updates)
    np.testing.assert_array_equal(evaluate(given, d=data, u=updates), expected)
    # The chip would write in front of the data.
    behind = one(
        "ScatterND", values, [tensor("i", np.int64([[-1], [0]]), 0)], order=["d", "i", "u"]
    )
    expected = data.copy()
    expected[[-1, 0]] = updates
    with pytest.warns(EspdlWarning, match="foreign memory. Found: -1.*counts from the end"):
        np.testing.assert_array_equal(evaluate(behind, d=data, u=updates), expected)


def test_reversed_sequence():
    x = integers(3, 2, 5)
    values, lengths = [value("x", x.shape), value("y", x.shape)], tensor("n", np.int64([3, 2]), 0)
    expected = x.copy()
    expected[:, 0], expected[:2, 1] = x[::-1, 0], x[1::-1, 1]
    np.testing.assert_array_equal(
        evaluate(one("ReverseSequence", values, [lengths]), x=x), expected
    )


def test_norms():
    x = integers(4, 6)
    values = [value("x", x.shape, -4), value("y", x.shape, -6)]
    real = x * 2.0**-4
    for given, norm in (
        (one("LpNormalization", values, p=1), np.abs(real).sum(1)),
        (one("LpNormalization", values), np.sqrt((real**2).sum(1))),
        (one("LpNormalization", values, p=3), np.sqrt((real**2).sum(1))),
        (
            one("RMSNormalization", values, [tensor("s", np.ones(6, np.float32))]),
            np.sqrt((real**2).mean(1) + 1e-5),
        ),
    ):
        exact = np.clip(real / norm[:, None] * 64, -128, 127)
        assert np.abs(evaluate(given, x=x) - exact).max() < 0.51


X, Y = value("x", (3, 4)), value("y", (3, 4))
REFUSED = {
    "index behind the data": (
        one("ScatterND", [X, value("u", (1, 4)), Y], [tensor("i", np.int64([[3]]))], "xiu"),
        "indices outside of the data",
    ),
    "index in front of the data": (
        one("ScatterND", [X, value("u", (1, 4)), Y], [tensor("i", np.int64([[-4]]))], "xiu"),
        "indices outside of the data",
    ),
    "narrow index": (
        one("ScatterND", [X, value("u", (1, 4)), Y], [tensor("i", np.int32([[1]]))], "xiu"),
        "another type than the node reads.*int64",
    ),
    "updates of another shape": (
        one("ScatterND", [X, value("u", (2, 4)), Y], [tensor("i", np.int64([[1]]))], "xiu"),
        "updates of a scatter",
    ),
    "length beyond the sequence": (
        one("ReverseSequence", [X, Y], [tensor("n", np.int64([4, 1, 1, 1]))]),
        "lengths of sequences",
    ),
    "features between the axes": (
        one(
            "ReverseSequence",
            [value("x", (2, 3, 4)), value("y", (2, 3, 4))],
            [tensor("n", np.int64([1, 1]))],
            batch_axis=0,
            time_axis=2,
        ),
        "axes of sequences and steps",
    ),
    "integer scale": (
        one("RMSNormalization", [X, Y], [tensor("s", np.ones(4, np.int8), 0)]),
        "scale is float32",
    ),
    "integers as an answer": (one("Less", [X, value("b", (3, 4)), Y]), "of type bool"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    given, said = REFUSED[case]
    with pytest.raises(ModelError, match=f"node 'it'.*{said}"):
        program_of(load(write(given)), find_chip("esp32s3"))


def test_zeros_between_the_values_of_a_signal():
    x = integers(1, 3, 2)
    values = [value("x", x.shape), value("y", (1, 6, 2))]
    result = evaluate(one("InsertZeros", values, stride=(2,), output_padding=(1,)), x=x)
    assert result.shape == (1, 6, 2)
    np.testing.assert_array_equal(result[:, :5:2], x)
    assert not result[:, 1::2].any()
    image = [value("x", (1, 2, 2, 1)), value("y", (1, 3, 3, 1))]
    result = evaluate(one("InsertZeros", image, stride=(2,)), x=integers(1, 2, 2, 1))
    assert result.shape == (1, 3, 3, 1)


@pytest.mark.parametrize(("count", "concats"), [(16, 1), (17, 3), (40, 4)])
def test_concatenation_of_many(count, concats):
    parts = {f"x{n}": integers(1, 1 + n % 2, 3) for n in range(count)}
    values = [value(name, part.shape) for name, part in parts.items()]
    expected = np.concatenate(list(parts.values()), 1)
    given = one("Concat", [*values, value("y", expected.shape)], axis=1)
    np.testing.assert_array_equal(evaluate(given, **parts), expected)
    assert len(program_of(load(write(given)), find_chip("esp32s3")).steps) == concats


def test_written_and_read_again(tmp_path):
    builder = QdqBuilder()
    b, x = builder, builder.quantized_input("x", (1, 4, 6))
    y = b.qdq(b.node("Mod", x, b.constant(np.float32(3)), fmod=1), -5)
    y = b.qdq(b.node("Pow", y, b.constant(np.float32(2))), -3)
    y = b.qdq(b.node("LpNormalization", y, axis=-1, p=2), -7)
    y = b.qdq(b.node("ReverseSequence", y, b.constant([3]), batch_axis=0, time_axis=1), -7)
    part = b.qdq(b.node("Slice", y, b.constant([1]), b.constant([3]), b.constant([1])), -7)
    places = b.constant(np.array([[[0, 0], [0, -1]]]))
    y = b.qdq(b.node("ScatterND", y, places, part, reduction="max"), -7)
    scale = b.constant(np.linspace(0.5, 2, 6).astype(np.float32))
    b.output(b.qdq(b.node("RMSNormalization", y, scale, axis=-1), -5))
    library = compile_file(builder.model(23), chip="esp32s3")
    path = tmp_path / "logic.espdl"
    library.save_espdl(path)
    mod, _ = relay.frontend.from_espdl(path, "esp32s3")
    again = relay.build(mod, target="espressif/esp32s3")
    names = ("mod", "pow", "lp_norm", "reverse_sequence", "slice", "scatter_nd", "rms_norm")
    assert tuple(step.operator.name for step in again.program.steps) == names
    q = integers(1, 4, 6)
    (expected,) = library.run([(q * 2.0**-4).astype(np.float32)])
    (result,) = again.run([q])
    np.testing.assert_array_equal(result * np.float32(2.0**-5), expected)
