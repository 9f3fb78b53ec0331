"""Models as data: what is written is read, layouts are unpacked, the chip is found or asked for."""

import numpy as np
import pytest
from small_models import addition, attributes, convolution, model, tensor, value, write

from tvm_espdl.chips import CHIPS, find_chip
from tvm_espdl.errors import ChipError, ModelError
from tvm_espdl.espdl import Attribute, Node, load
from tvm_espdl.espdl.evidence import chip_of, find
from tvm_espdl.espdl.vectors import difference
from tvm_espdl.espdl.weights import unpack_filter, unpack_matrices
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.base.packing import pack_filter
from tvm_espdl.ops.leaky_relu import LeakyRelu
from tvm_espdl.ops.lut import table_of


def test_everything_written_is_read():
    node = Node(
        "Sigmoid",
        ("x",),
        ("y",),
        {
            **attributes(
                alpha=0.25, axes=(1, -2), floats=(0.5, 2.0), mode="half", zero=0, none=0.0
            ),
            "names": Attribute("names", "strings", ("a", "ä")),
            "value": Attribute("value", "tensor", tensor("t", np.float32([1.5, 2]))),
        },
        name="node",
    )
    constants = [
        tensor("w", np.arange(5, dtype=np.int8), -3, doc="layout ==> NHWC"),
        tensor("scalar", np.int64(-7), 0),
        tensor("per channel", np.int32([1, 2]), -3, -4),
    ]
    values = [value("x", (2, 3), 5, "int16"), value("y", (), -1)]
    given = model([node], values, ["x"], ["y"], constants, metadata={"a": "b"}, ir_version=8)
    for magic in (b"EDL1", b"EDL2"):
        assert load(write(given, magic)).model == given
    assert given.graph.initializers["w"].layout == "NHWC"
    assert given.graph.initializers["scalar"].array() == -7


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("chip", CHIPS)
def test_filters_come_back_from_the_chips_layout(chip, dtype):
    source = np.random.default_rng(3)
    for outputs in (1, 5, 8, 16, 24, 35):
        for inputs, depthwise in ((3, False), (1, False), (1, True)):
            filter_ = source.integers(-99, 99, (outputs, inputs, 3, 2)).astype(dtype)
            packed = pack_filter(find_chip(chip), filter_, depthwise=depthwise)
            lanes = find_chip(chip).lanes(dtype)
            back = unpack_filter(packed, filter_.shape, lanes, depthwise=depthwise)
            assert np.array_equal(back, filter_)


def test_matrices_come_back_from_the_chips_layout():
    matrices = np.random.default_rng(4).integers(-99, 99, (2, 3, 7, 35)).astype(np.int8)
    for chip in map(find_chip, ("esp32", "esp32s3")):
        packed = [
            pack_filter(chip, np.ascontiguousarray(m.T)[:, :, None, None], depthwise=False)
            for m in matrices.reshape(-1, 7, 35)
        ]
        back = unpack_matrices(np.concatenate(packed), matrices.shape, chip.lanes("int8"))
        assert np.array_equal(back, matrices)


def finding(given, chip=None):
    return find(load(write(given)), chip)


@pytest.mark.parametrize(
    ("given", "chip", "said"),
    [
        (convolution(metadata={"target": "esp32s3"}), "esp32s3", "metadata name the esp32s3"),
        (convolution(metadata={"target": "c"}), "esp32", "metadata name the esp32"),
        (convolution(metadata={"espdl.chip": "esp32c6"}), "esp32c6", "metadata name the esp32c6"),
        (convolution("NHWC"), "esp32", "layout NHWC without vectors"),
        (convolution(exponents=(-7, -8) * 8), "esp32p4", "16 exponents, one per channel"),
        (convolution(bias=1 << 19), "esp32p4", "needs 21 bits, more than the 20"),
        (convolution(bias=-(1 << 19) - 1), "esp32p4", "needs 21 bits"),
    ],
)
def test_the_chip_is_found_and_the_evidence_named(given, chip, said):
    found = finding(given)
    assert found.chip.name == chip
    assert said in "; ".join(clue.sentence for clue in found.clues)


@pytest.mark.parametrize(("chip", "family"), [("esp32s3", "pie_v1"), ("esp32p4", "pie_v2")])
def test_tables_and_test_vectors_show_the_rounding(chip, family):
    x, y = Tensor("int8", (1, 4), -4), Tensor("int8", (1, 4), -3)
    table = table_of(LeakyRelu(x, y, 0.5), find_chip(chip))
    assert not np.array_equal(
        table,
        table_of(LeakyRelu(x, y, 0.5), find_chip("esp32c3" if chip != "esp32s3" else "esp32p4")),
    )
    node = Node("LeakyRelu", ("x",), ("y",), attributes(alpha=0.5, lut="t", quant_type="S8"))
    values = [value("x", (1, 4), -4), value("y", (1, 4), -3)]
    given = model([node], values, ["x"], ["y"], [tensor("t", table, -3)])
    (clue,) = finding(given).clues
    assert family in clue.families
    assert "ties" in clue.sentence
    # Without a table: the stored result of a product that lies between two integers.
    rounded = {"esp32s3": 1, "esp32p4": 0}[chip]
    product = Node("Mul", ("a", "b"), ("y",), attributes(quant_type="S8"))
    test = {
        "test_inputs": (tensor("a", np.int8([[1]]), 0), tensor("b", np.int8([[1]]), 0)),
        "test_outputs": (tensor("y", np.int8([[rounded]]), 1),),
    }
    values = [value("a", (1, 1)), value("b", (1, 1)), value("y", (1, 1), 1)]
    (clue,) = finding(model([product], values, ["a", "b"], ["y"], **test)).clues
    assert family in clue.families
    assert "stored test outputs" in clue.sentence


def test_without_evidence_the_chip_is_asked_for():
    file = load(write(convolution()))
    assert finding(convolution()).candidates == ("esp32s3", "esp32p4")
    with pytest.raises(
        ModelError, match=r"vector layout.*allowed: esp32s3, esp32p4.*chip='esp32s3'"
    ):
        chip_of(file)
    assert chip_of(file, "esp32s31").name == "esp32s31"
    with pytest.raises(ModelError, match="no evidence at all"):
        chip_of(load(write(addition())))


def test_a_wrong_chip_is_refused():
    with pytest.raises(ModelError, match=r"made for another chip.*per channel.*allowed: esp32p4"):
        finding(convolution(exponents=(-7,) * 16), "esp32s3")
    with pytest.raises(ModelError, match="made for another chip"):
        finding(convolution(), "esp32c3")
    with pytest.raises(ChipError, match="unknown chip"):
        finding(convolution(), "esp8266")
    both = convolution("NHWC", exponents=(-7,) * 16)
    with pytest.raises(ModelError, match="contradicts itself"):
        finding(both)


def test_differences_say_where():
    stored = np.int8([[1, 2], [3, 4]])
    assert difference("y", stored, stored.reshape(4)) is None
    found = difference("y", stored, np.int8([[1, 2], [5, 4]]))
    assert found == "y: 1 of 4 values differ, first at (1, 0): 5, stored 3"
    assert "shape (3,)" in difference("y", stored, np.int8([1, 2, 3]))
    near = np.float32([1, np.inf, np.nan, 0])
    assert difference("y", near, near * np.float32(1.0000002)) is None
    assert "1 of 4" in difference("y", near, np.float32([1.001, np.inf, np.nan, 0]))
