"""Tensors of different sizes that share an exponent: what reaches the result decides."""

import numpy as np
import pytest
from noise import CHIPS, level, levels, quantized, samples
from qdq_networks import Quantized, floats, network, node

SHAPE = (1, 4, 8, 8)
WIDTHS = [pytest.param((), id="int8"), pytest.param("*", id="int16")]
each_width = pytest.mark.parametrize("int16", WIDTHS)
each_chip = pytest.mark.parametrize("chip", CHIPS)


def sums():
    """Networks in which a small operand meets a large one."""
    large, small = floats(4, 4, 1, 1, seed=1), floats(4, 4, 3, 3, seed=2, scale=0.002)
    relu = node("Relu", "x", "a")
    yield (
        "scalar",
        [relu, node("Add", "a c", "y")],
        {"c": np.float32(-0.0717)},
    )
    yield (
        "vector",
        [relu, node("Sub", "a c", "y")],
        {"c": np.float32([[[[0.01]], [[0.2]], [[-0.05]], [[0.1]]]])},
    )
    yield (
        "branch",
        [
            *(relu, node("Conv", "a w", "b", pads=[1] * 4), node("Add", "a b", "s")),
            *(node("Conv", "s v", "t"), node("Add", "s t", "y")),
        ],
        {"w": small, "v": large},
    )
    yield "limit", [relu, node("Max", "a c", "y")], {"c": np.float32(-1e6)}
    yield (
        "product",
        [relu, node("Mul", "x c", "b"), node("Add", "a b", "y")],
        {"c": np.float32(1e-3)},
    )


@each_width
@each_chip
@pytest.mark.parametrize(
    ("nodes", "constants"), [pytest.param(n, c, id=name) for name, n, c in sums()]
)
def test_a_small_operand_never_decides_for_a_large_one(nodes, constants, chip, int16):
    model = network(nodes, {"x": SHAPE}, {"y": SHAPE}, constants)
    found = level(model, samples({"x": SHAPE}, scale=12.0), chip, int16=int16)
    assert found > (60 if int16 else 29), found


def parts_of_different_size(tail, outputs):
    """A layer reads numbers up to about 60 and such of 0.05 in one tensor."""
    nodes = [
        node("Conv", "x w", "a"),
        node("Conv", "x v", "b"),
        node("Concat", "a b", "c", axis=1),
        *tail,
    ]
    constants = {
        "w": floats(4, 4, 1, 1, seed=1, scale=10.0),
        "v": floats(4, 4, 1, 1, seed=2, scale=0.02),
        "u": floats(6, 8, 1, 1, seed=3, scale=0.4),
    }
    return network(nodes, {"x": SHAPE}, outputs, constants)


@each_width
@each_chip
@pytest.mark.parametrize("between", ["Relu", ""])
def test_parts_of_a_concat_weigh_by_what_a_layer_makes_of_them(between, chip, int16):
    read = "d" if between else "c"
    tail = [node("Relu", "c", "d")] if between else []
    tail.append(node("Conv", f"{read} u", "y"))
    model = parts_of_different_size(tail, {"y": (1, 6, 8, 8)})
    found = level(model, samples({"x": SHAPE}), chip, int16=int16)
    assert found > (60 if int16 else 28), found


def detector(*tail, outputs):
    """Boxes in pixels beside scores from 0 to 1."""
    nodes = [
        node("Conv", "x w", "f"),
        node("Relu", "f", "g"),
        node("Conv", "g v", "b"),
        node("Mul", "b stride", "boxes"),
        node("Conv", "g u", "s"),
        node("Sigmoid", "s", "scores"),
        node("Concat", "boxes scores", "c", axis=1),
        *tail,
    ]
    constants = {
        "w": floats(8, 4, 3, 3, seed=1, scale=0.3),
        "v": floats(4, 8, 1, 1, seed=2, scale=0.4),
        "u": floats(6, 8, 1, 1, seed=3, scale=0.4),
        "stride": np.float32(32),
        "shape": np.int64([1, 10, -1]),
    }
    return network(nodes, {"x": SHAPE}, outputs, constants)


@each_width
@each_chip
def test_parts_of_a_last_concat_keep_exponents_of_their_own(chip, int16):
    model = detector(
        node("Reshape", "c shape", "d"),
        node("Concat", "d d", "y", axis=2),
        outputs={"y": (1, 10, 72)},
    )
    parts = {"boxes": (0, 4), "scores": (4, 10)}
    found = levels(model, samples({"x": SHAPE}), chip, parts=parts, int16=int16)
    assert min(found.values()) > (60 if int16 else 25), found


def test_what_stays_float_for_that_and_why():
    model = detector(node("Transpose", "c", "y", perm=[0, 2, 3, 1]), outputs={"y": (1, 6, 6, 10)})
    data = samples({"x": SHAPE})
    result = quantized(model, data, "esp32s3")
    left = {row.operator: row.reason for row in result.report.left_float}
    assert left.keys() == {"Concat", "Transpose"}
    assert (
        "its parts keep exponents of their own: at one for all, scores would lose"
        in (left["Concat"])
    )
    # Beside what computes with it nothing is kept apart, nor where the parts are alike.
    read = detector(node("Conv", "c t", "y"), outputs={"y": (1, 2, 6, 6)})
    read.graph.initializer.append(
        network([], {}, {}, {"t": floats(2, 10, 1, 1)}).graph.initializer[0]
    )
    assert not quantized(read, data, "esp32s3").report.left_float
    alike = network(
        [node("Tanh", "x", "a"), node("Sigmoid", "x", "b"), node("Concat", "a b", "y", axis=1)],
        {"x": SHAPE},
        {"y": (1, 8, 8, 8)},
    )
    assert not quantized(alike, data, "esp32s3").report.left_float


@each_width
def test_a_product_that_needs_a_coarser_exponent_is_requantized(int16):
    """x is read at up to 100, its product with 16.1 is cut off at 1."""
    nodes = [
        node("Mul", "x c", "a"),
        node("Clip", "a low high", "b"),
        node("Tanh", "z", "t"),
        node("Add", "b t", "y"),
    ]
    limits = {"c": np.float32(16.1), "low": np.float32(-1.0), "high": np.float32(1.0)}
    model = network(nodes, {"x": SHAPE, "z": SHAPE}, {"y": SHAPE}, limits)
    data = samples({"x": SHAPE, "z": SHAPE})
    for number, x in enumerate(data):
        x["x"] = np.where(np.arange(256).reshape(SHAPE) % 9 == number % 9, 100, 0).astype(
            np.float32
        )
    result = quantized(model, data, "esp32s3", int16=int16)
    q = Quantized(result.model)
    add = q.one("Add")
    # In int16 the exponents of the factors leave enough bits.
    assert [q.requantized(add, place) for place in (0, 1)] == [not int16, False]
    assert level(model, data, "esp32s3", int16=int16) > (60 if int16 else 38)


def test_the_report_names_what_shares_the_cause_and_what_mends_it():
    """The small part counts as much as the large one."""
    nodes = [
        *(node("Tanh", "x", "a", name="small"), node("Mul", "x k", "b", name="large")),
        node("Concat", "a b", "c", axis=1, name="joined"),
        node("Sin", "c", "s", name="sin"),
        node("Conv", "c u", "y", name="read"),
    ]
    constants = {"k": np.float32(50), "u": floats(3, 8, 1, 1, seed=2)}
    constants["u"][:, :4] *= 100
    model = network(nodes, {"x": SHAPE}, {"y": (1, 3, 8, 8), "s": (1, 8, 8, 8)}, constants)
    data = samples({"x": SHAPE})
    report = str(quantized(model, data, "esp32s3").report)
    found = " ".join(report.split())
    assert "which it shares with b in Concat joined; at -7 it would have" in found
    advice = found.split("in Concat joined; at -7")[1].split("warning")[0]
    named = [word.strip(";") for word in advice.split("--int16 ")[1:]]
    named = [word.split()[0] for word in named]
    assert named == ["joined", "read"]
    before, after = (levels(model, data, "esp32s3", int16=int16)["y", ""] for int16 in ((), named))
    assert after > before + 10


def test_what_is_shared_without_loss_is_not_mentioned():
    for _, nodes, constants in sums():
        model = network(nodes, {"x": SHAPE}, {"y": SHAPE}, constants)
        report = quantized(model, samples({"x": SHAPE}, scale=12.0), "esp32s3").report
        assert "which it shares" not in str(report)
