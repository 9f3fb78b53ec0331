"""What a file may hold that ESP-DL's runtime does otherwise than ONNX, or cannot do at all."""

import struct
import warnings

import numpy as np
import pytest
from network_in_c import run_network
from small_models import addition, attributes, convolution, model, tensor, value, write
from test_nodes import evaluate, network, one

from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.espdl import Node, load
from tvm_espdl.program import reference
from tvm_espdl.program.kernels import choice_of_step

CHIPS = ("esp32", "esp32s3", "esp32p4")


def library_of(given, chip="esp32s3"):
    return compile_espdl(load(write(given)), chip)


def numbers(*shape, seed=3, dtype=np.int8):
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(dtype)


def indices(name, *values):
    return tensor(name, np.int64(values))


@pytest.mark.parametrize("chip", CHIPS)
def test_a_sum_keeps_the_exponent_of_its_inputs(chip):
    """ESP-DL reads no exponent: person_reid is published with sums whose results state another."""
    values = [value("a", (2, 20), -5), value("b", (2, 20), -5), value("y", (2, 20), -6)]
    a, b = numbers(2, 20), numbers(2, 20, seed=4)
    with pytest.warns(EspdlWarning, match=r"reads none.*-5, -5, -6.*follows the chip"):
        library = library_of(one("Add", values, quant_type="S8"), chip)
    expected = np.clip(a.astype(int) + b, -128, 127)
    assert np.array_equal(library.run({"a": a, "b": b})[0], expected)
    (step,) = library.program.steps
    assert step.operator.y.exponent == -6
    whose = choice_of_step(step, library.chip)
    assert whose.kernel == ("portable" if chip == "esp32" else "esp-dl")


def test_zeros_between_pixels_keep_the_exponent_too():
    values = [value("x", (1, 2, 2, 3), 2), value("y", (1, 3, 3, 3), 1)]
    x = numbers(1, 2, 2, 3)
    with pytest.warns(EspdlWarning, match="exponents 2 and 1.*follows the chip"):
        y = evaluate(one("InsertZeros", values, stride=(2, 2), quant_type="S8"), x=x)
    assert np.array_equal(y[:, ::2, ::2], x)
    assert not y[:, 1].any() and not y[:, :, 1].any()


def test_a_comparison_is_of_the_integers():
    values = [value("a", (2, 3), -5), value("b", (2, 3), -4), value("y", (2, 3), 0, "bool")]
    a, b = numbers(2, 3), numbers(2, 3, seed=4)
    with pytest.warns(EspdlWarning, match="exponents -5 and -4.*follows the chip"):
        assert np.array_equal(evaluate(one("Less", values, quant_type="S8"), a=a, b=b), a < b)


def test_a_negative_index_counts_from_the_end():
    values = [value("x", (2, 4)), value("y", (2, 2))]
    given = one("Gather", values, [indices("i", -1, 0)], axis=1)
    with pytest.warns(
        EspdlWarning, match="in front of its row.*Found: -1.*ONNX.*add the extent, 4"
    ):
        assert evaluate(given, x=np.int8([[1, 2, 3, 4], [5, 6, 7, 8]])).tolist() == [[4, 1], [8, 5]]
    positive = one("Gather", values, [indices("i", 3, 0)], axis=1)
    assert evaluate(positive, x=np.int8([[1, 2, 3, 4], [5, 6, 7, 8]])).tolist() == [[4, 1], [8, 5]]


def split(extent, names, **given):
    node = Node("Split", ("x",), tuple(names), attributes(axis=1, **given), name="split")
    values = [value("x", (1, extent)), *(value(name, (1, 1)) for name in names)]
    return model([node], values, ["x"], list(names))


@pytest.mark.parametrize(
    ("extent", "count", "num_outputs", "sizes", "warned"),
    [
        (12, 4, 3, [3, 3, 3, 3], False),
        (11, 4, 3, [3, 3, 3, 2], False),
        (7, 3, 3, [3, 3, 1], False),
        (12, 2, 2, [6, 6], True),
        (5, 2, 2, [3, 2], True),
        (4, 2, None, [2, 2], True),
    ],
)
def test_a_split_without_sizes(extent, count, num_outputs, sizes, warned):
    """The chip takes `num_outputs` for the size of a part; that may give another number of them."""
    names = "pqrs"[:count]
    given = split(extent, names, **({} if num_outputs is None else {"num_outputs": num_outputs}))
    x = np.arange(extent, dtype=np.int8).reshape(1, extent)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = network(given)
    assert ["size of a part" in str(w.message) for w in caught] == [True] * warned
    result = reference.outputs(made, {"x": x})
    starts = np.cumsum([0, *sizes])
    for name, start, size in zip(names, starts, sizes, strict=False):
        assert result[name].tolist() == [list(range(start, start + size))]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_factors_that_are_not_of_the_channels(dtype):
    """Of int8 the chip reads as many as there are channels, of int16 the first one for all."""
    factors = np.array([64, -32, 96, 16], dtype)
    values = [value(n, (1, 4, 3, 2), -5, dtype) for n in "xy"]
    alpha = tensor("a", factors.reshape(4, 1, 1), -7)
    x = numbers(1, 4, 3, 2, dtype=dtype)
    with pytest.warns(EspdlWarning, match="2 channels. Found: 4 factors.*follows the chip"):
        y = evaluate(one("PRelu", values, [alpha]), "esp32s3", x=x)
    used = factors[:2] if dtype == "int8" else factors[[0, 0]]
    product = x.astype(int) * used
    rounded = (product + 64) >> 7 if dtype == "int8" else product >> 7
    assert np.array_equal(y, np.where(x > 0, x, rounded))
    few = tensor("a", np.int8([[[64]]]), -7)
    with pytest.raises(ModelError, match=r"factors of the channels.*1 for 2"):
        network(one("PRelu", [value("x", (1, 4, 3, 2)), value("y", (1, 4, 3, 2))], [few]))


def test_a_narrow_bias_of_wide_data_is_widened():
    """In one sentence, on all chips: ESP-DL stops at such files, which were made until 2025-01."""
    values = [value("x", (1, 8), -5, "int16"), value("y", (1, 2), -5, "int16")]
    w = tensor("w", np.full((1, 1, 8, 2), 3, np.int16), -5)
    b = tensor("b", np.int32([1000, -1000]), -10)
    x = np.arange(8, dtype=np.int16).reshape(1, 8)
    for chip in CHIPS:
        with pytest.warns(EspdlWarning, match="wants a bias of int64.*one of int32") as caught:
            y = evaluate(one("Gemm", values, [w, b], quant_type="S16"), chip, x=x)
        assert len(caught) == 1
        assert y.tolist() == [[(84 + 1000 + 16) >> 5, (84 - 1000 + 16) >> 5]]


def test_a_reduction_that_takes_many_turns():
    """ESP-DL writes nothing there; beyond four dimensions alone it is as good as any other."""
    x = numbers(2, 3, 2, 3, 2)
    for axes, warned in (((1, 3), True), ((0, 2, 4), True), ((1, 2), False), ((0, 4), False)):
        shape = [1 if axis in axes else n for axis, n in enumerate(x.shape)]
        for keepdims in (0, 1):
            given = one(
                "ReduceSum",
                [value("x", x.shape), value("y", shape, 2)],
                [indices("a", *axes)],
                keepdims=keepdims,
            )
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = evaluate(given, x=x)
            assert [("writes" in str(w.message), "turns" in str(w.message)) for w in caught] == [
                (False, True)
            ] * warned
            exact = x.astype(int).sum(axis=axes, keepdims=bool(keepdims)) / 4
            assert np.array_equal(found, np.clip(np.floor(exact + 0.5), -128, 127))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_a_padding_of_five_dimensions(mode):
    x = numbers(2, 2, 3, 2, 2)
    widths = ((1, 0), (0, 1), (2, 1), (0, 0), (1, 1))
    before_and_after = [w[side] for side in (0, 1) for w in widths]
    value_of = [tensor("v", np.int8(7))] if mode == "constant" else []
    given = one(
        "Pad",
        [value("x", x.shape), value("y", (1,) * 5)],
        [indices("p", *before_and_after), *value_of],
        mode=mode,
        quant_type="S8",
    )
    if mode == "constant":
        assert np.array_equal(evaluate(given, x=x), np.pad(x, widths, constant_values=7))
        return
    with pytest.warns(EspdlWarning, match="at most 4 dimensions.*this package's kernel"):
        library = library_of(given)
    assert np.array_equal(library(x), np.pad(x, widths, mode=mode))


def test_what_falls_back_says_so_and_is_never_esp_dls():
    """The report names the rule; a project calls the portable kernel; a file is not written."""
    values = [value("a", (1, 40), 0), value("b", (1, 40), 0), value("y", (1, 40), -2)]
    a, b = numbers(1, 40), numbers(1, 40, seed=9)
    with pytest.warns(EspdlWarning, match="shifted right.*this package's kernel does"):
        library = library_of(one("Mul", values, quant_type="S8"), "esp32p4")
    expected = np.clip(a.astype(int) * b * 4, -128, 127)
    assert np.array_equal(library.run({"a": a, "b": b})[0], expected)
    (step,) = library.program.steps
    assert step.admits == ("vector_shift_fits",)
    (row,) = library.report().nodes
    assert (row.defined_by, row.kernel) == ("tvm-espdl", "portable")
    text = str(library.report())
    assert "On chips with vectors, the product is shifted" in text
    with pytest.raises(ModelError, match=r"ESP-DL's runtime cannot run.*shifted right"):
        library.save_espdl("never.espdl")


@pytest.mark.parametrize("op_type", ["Equal", "Less", "Mul", "Sub"])
def test_floats_of_two_inputs_are_tvms(op_type):
    dtype = "bool" if op_type in ("Equal", "Less") else "float32"
    values = [
        value("a", (2, 3), dtype="float32"),
        value("b", (3,), dtype="float32"),
        value("y", (2, 3), dtype=dtype),
    ]
    given = one(op_type, values)
    a, b = np.float32([[1, 2, -3], [0.5, 2, 1e30]]), np.float32([1, -2, 1e30])
    with pytest.warns(EspdlWarning, match="no part of the network is quantized"):
        library = library_of(given)
    (found,) = library.run({"a": a, "b": b})
    expected = {"Equal": np.equal, "Less": np.less, "Mul": np.multiply, "Sub": np.subtract}
    with np.errstate(over="ignore"):
        assert np.array_equal(found, expected[op_type](a, b))
    assert found.dtype == dtype
    assert np.array_equal(evaluate(given, a=a, b=b), found)


def test_a_value_that_is_read_twice_by_floats():
    node = Node("Add", ("x", "x"), ("y",), {}, name="double")
    values = [value("x", (3,), dtype="float32"), value("y", (3,), dtype="float32")]
    with pytest.warns(EspdlWarning, match="no part of the network is quantized"):
        library = library_of(model([node], values, ["x"], ["y"]))
    assert library(np.float32([1, -2, 4])).tolist() == [2, -4, 8]


def test_the_old_magic_in_front_of_the_new_header():
    """Files of December 2024: what follows is EDL2, blocks of 16 bytes included."""
    data = write(convolution())
    assert data[:4] == b"EDL2"
    (size,) = struct.unpack_from("<I", data, 8)
    old = b"EDL1" + data[4 : 16 + size]
    assert load(old).model == load(data).model
    assert load(old).format == "EDL2"
    with pytest.raises(ModelError, match="damaged"):
        load(old[:-1])
    with pytest.raises(ModelError, match="damaged"):
        load(old[:15])
    assert load(write(addition(), b"EDL1")).format == "EDL1"


def test_the_c_of_what_is_followed_or_falls_back_is_exact(c_compiler):
    """One network of both: a sum of another exponent, a product that is shifted left, floats."""
    nodes = [
        Node("Add", ("a", "b"), ("s",), attributes(quant_type="S8"), name="sum"),
        Node("Mul", ("s", "b"), ("y",), attributes(quant_type="S8"), name="product"),
    ]
    values = [value("a", (2, 20), 0), value("b", (2, 20), 0), value("s", (2, 20), -1)]
    given = model(nodes, [*values, value("y", (2, 20), -3)], ["a", "b"], ["y"])
    with pytest.warns(EspdlWarning, match="follows the chip|this package's kernel"):
        library = library_of(given, "esp32p4")
    a, b = numbers(2, 20) // 16, numbers(2, 20, seed=5) // 16
    expected = np.clip((a.astype(int) + b) * b * 4, -128, 127)
    assert np.array_equal(library.run({"a": a, "b": b})[0], expected)
    ((computed,),) = run_network(library.program, [library.feed({"a": a, "b": b})], c_compiler)
    assert np.array_equal(computed, expected)
