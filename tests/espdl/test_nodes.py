"""What single nodes mean, built by hand; and what is refused, naming node and reason."""

import numpy as np
import pytest
from small_models import addition, attributes, convolution, model, tensor, value, write

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import ChipError, EspdlWarning, ModelError
from tvm_espdl.espdl import Node, load
from tvm_espdl.espdl.families import READERS
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import differences
from tvm_espdl.ops.base.packing import pack_filter
from tvm_espdl.program import reference
from tvm_espdl.relay.frontend import espdl as frontend


def network(given, chip="esp32s3"):
    return program_of(load(write(given)), find_chip(chip))


def evaluate(given, chip="esp32s3", **arrays):
    made = network(given, chip)
    return reference.outputs(made, arrays)[made.output_names[0]]


def one(op_type, values, constants=(), inputs=None, **given):
    """A network of one node that reads all values and constants but the last value."""
    names = inputs or [v.name for v in values[:-1]] + [t.name for t in constants]
    node = Node(op_type, tuple(names), ("y",), attributes(**given), name="it")
    return model([node], values, [v.name for v in values[:-1]], ["y"], constants)


def packed(chip, matrix):
    columns = np.ascontiguousarray(matrix.T)[:, :, None, None]
    return pack_filter(find_chip(chip), columns, depthwise=False).reshape(matrix.shape)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_a_computed_right_factor_is_unpacked(chip):
    source = np.random.default_rng(1)
    a = source.integers(-9, 9, (3, 5)).astype(np.int8)
    b = source.integers(-9, 9, (5, 19)).astype(np.int8)
    values = [value("a", a.shape), value("b", b.shape), value("y", (3, 19), 3)]
    given = one("MatMul", values, quant_type="S8")
    expected = evaluate(
        one("MatMul", values, quant_type="S8", input1_layout="native_kn"), chip, a=a, b=b
    )
    assert np.array_equal(evaluate(given, chip, a=a, b=packed(chip, b)), expected)
    rounded = np.floor(a.astype(int) @ b / 8 + 0.5)
    if chip != "esp32p4":
        assert np.array_equal(expected, rounded)


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
def test_eight_bit_weights_of_sixteen_bit_data(chip):
    source = np.random.default_rng(2)
    x = source.integers(-9999, 9999, (1, 6)).astype(np.int16)
    w = source.integers(-99, 99, (6, 19)).astype(np.int16)
    stored = packed(chip, w).astype(np.int8).reshape(1, 1, 6, 19)
    values = [value("x", x.shape, 0, "int16"), value("y", (1, 19), 6, "int16")]
    bias = tensor("b", np.arange(19) * 1000, 0)
    result = evaluate(
        one("Gemm", values, [tensor("w", stored, 0), bias], quant_type="W8A16"), chip, x=x
    )
    exact = (x.astype(int) @ w + np.arange(19) * 1000) / 64
    assert np.abs(result - np.clip(exact, -32768, 32767)).max() <= 0.5


def test_shapes_come_from_the_inputs():
    x = np.arange(24, dtype=np.int8).reshape(1, 2, 3, 4)
    stale = [value("x", x.shape), value("y", (9, 9))]
    shape = tensor("s", np.int64([0, -1, 2]), 0)
    assert evaluate(one("Reshape", stale, [shape]), x=x).shape == (1, 12, 2)
    assert evaluate(one("Flatten", stale, axis=-2), x=x).shape == (2, 12)
    assert evaluate(one("Transpose", stale, perm=(0, -1, -3, -2)), x=x).shape == (1, 4, 2, 3)
    axes = tensor("s", np.int64([-1, 0]), 0)
    assert evaluate(one("Unsqueeze", stale, [axes]), x=x).shape == (1, 1, 2, 3, 4, 1)
    begins, ends, one_axis = (
        tensor(n, np.int64([v]), 0) for n, v in (("b", -2), ("e", 99), ("a", 3))
    )
    assert np.array_equal(evaluate(one("Slice", stale, [begins, ends, one_axis]), x=x), x[..., -2:])


def test_splits_and_reductions():
    x = np.arange(10, dtype=np.int8).reshape(1, 2, 5)
    node = Node("Split", ("x", "s"), ("p", "q"), attributes(axis=2), name="split")
    values = [value(name, (1, 1, 1)) for name in "pq"]
    sizes = tensor("s", np.int64([2, 3]), 0)
    given = model([node], [value("x", x.shape), *values], ["x"], ["q", "p"], [sizes])
    result = reference.outputs(network(given), {"x": x})
    assert np.array_equal(result["p"], x[..., :2])
    assert np.array_equal(result["q"], x[..., 2:])
    mean = one(
        "ReduceMax",
        [value("x", x.shape), value("y", ())],
        [tensor("s", np.int64([-1]), 0)],
        keepdims=0,
    )
    assert evaluate(mean, x=x).tolist() == [[4, 9]]


def test_what_nothing_reads_is_no_step():
    x = np.arange(10, dtype=np.int8).reshape(1, 10)
    node = Node("Split", ("x",), ("p", "q"), attributes(axis=1, num_outputs=5), name="split")
    values = [value("x", x.shape), value("p", (1, 5)), value("q", (1, 5))]
    made = network(model([node], values, ["x"], ["q"]))
    assert [step.outputs for step in made.steps] == [("q",)]
    assert list(made.values) == ["x", "q"]
    assert evaluate(model([node], values, ["x"], ["q"]), x=x).tolist() == [[5, 6, 7, 8, 9]]


def test_equal_functions_of_floats_are_compiled_once():
    nodes = [Node("Exp", (a,), (b,), {}, name=b) for a, b in ("xy", "yz")]
    values = [value(name, (1, 4), dtype="float32") for name in "xyz"]
    file = load(write(model(nodes, values, ["x"], ["y", "z"])))
    chip, x = find_chip("esp32s3"), np.float32([[-1, 0, 0.5, 1]])
    read, compiled = program_of(file, chip), frontend.program_of(file, chip)
    assert [step.operator.name for step in read.steps] == ["exp", "exp"]
    assert compiled.steps[0].operator is compiled.steps[1].operator
    assert "T.exp" in compiled.steps[0].operator.text
    assert [step.outputs for step in compiled.steps] == [("y",), ("z",)]
    with pytest.warns(EspdlWarning, match="no part of the network is quantized"):
        library = compile_espdl(file, "esp32s3")
    found = dict(zip("yz", library.run([x]), strict=True))
    assert differences(reference.outputs(read, {"x": x}), found) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            one("Conw", [value("x", (1,)), value("y", (1,))]),
            r"node 'it' \(Conw\): no operator.*Conv\?",
        ),
        (
            one("Add", [value(n, s) for n, s in zip("aby", [(2,), (3,), (3,)], strict=True)]),
            "contradicts its tensors",
        ),
        (one("Add", [value("a", (2,)), value("y", (2,))]), "1 inputs|input is missing"),
        (
            one("Relu", [value("x", (2,), dtype="int32"), value("y", (2,))]),
            "give the type of a value",
        ),
        (
            one("Relu", [value("x", (1 << 20, 1 << 10)), value("y", (2,))]),
            "no tensor that a chip can hold",
        ),
        (one("Relu", [value("x", (2,)), value("y", (2,))], lut="t"), "no such table.*'t'"),
        (one("Relu", [value("x", (2,)), value("y", (2,))], lut=3), "attribute 'lut'.*int.*string"),
        (one("LUT", [value("x", (2,)), value("y", (2,))]), "without its table"),
        (
            one("MaxPool", [value("x", (1, 4, 4, 1)), value("y", (1, 2, 2, 1))], strides=(0, 2)),
            "'strides'",
        ),
        (one("Transpose", [value("x", (1, 2)), value("y", (2, 1))], perm=(0, 0)), "no permutation"),
        (
            one("Reshape", [value("x", (4,)), value("y", (3,))], [tensor("s", np.int64([3]))]),
            "number of elements",
        ),
        (
            one("Gather", [value("x", (4,)), value("y", (1,))], [tensor("s", np.int64([4]))]),
            "outside of the axis",
        ),
    ],
)
def test_what_is_refused(given, said):
    with pytest.raises(ModelError, match=said):
        network(given)


def test_a_softmax_that_may_overflow_is_run_as_it_is():
    """It is published; the PC gives what the chip gives, and says so."""
    values = [value("x", (4,), 1), value("y", (4,), 0, "float32")]
    given = one("Softmax", values, axis=-1)
    x = np.int8([1, 2, 3, 40])
    with pytest.warns(EspdlWarning, match="fit a float32.*int8 at exponent 1.*follows the chip"):
        found = evaluate(given, x=x)
    exponentials = np.exp(2.0 * x)
    np.testing.assert_allclose(found, exponentials / exponentials.sum(), rtol=1e-6)
    with pytest.warns(EspdlWarning):
        assert np.isnan(evaluate(given, x=np.int8([1, 2, 3, 45]))[3])


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_a_softmax_may_have_integers_as_its_result(dtype):
    """ESP-DL's has floats: a step behind it quantizes them."""
    x = np.array([[1, -20, 30, 7], [0, 0, 1, 2]], dtype)
    values = [value("x", x.shape, -3, dtype), value("y", x.shape, -7, dtype)]
    with pytest.warns(EspdlWarning, match=f"Found: {dtype}. Here a step quantizes it"):
        found = evaluate(one("Softmax", values, axis=-1), x=x)
    exponentials = np.exp(x / 8)
    exact = exponentials / exponentials.sum(1, keepdims=True) * 128
    assert found.dtype == dtype and np.abs(found - exact).max() < 0.51


def test_what_the_runtime_does_not_read():
    """A factor of a gemm, and how far a pool's window is dilated: the PC follows the chip."""
    x = np.arange(-8, 8, dtype=np.int8).reshape(1, 4, 4, 1)
    given = {"kernel_shape": (2, 2), "strides": (1, 1)}
    values = [value("x", x.shape), value("y", (1, 2, 2, 1))]
    with pytest.warns(EspdlWarning, match="dilates no pool. Found: .2, 2.. The PC follows"):
        found = evaluate(one("MaxPool", values, dilations=(2, 2), **given), x=x)
    assert found.tolist() == evaluate(one("MaxPool", values, **given), x=x).tolist()
    assert found.shape == (1, 3, 3, 1)
    values = [value("x", (1, 2)), value("y", (1, 3))]
    w = tensor("w", np.ones((1, 1, 2, 3), np.int8), 0)
    with pytest.warns(EspdlWarning, match="reads no alpha. Found: 2.0. The PC follows"):
        found = evaluate(one("Gemm", values, [w], alpha=2.0), x=np.int8([[3, 4]]))
    assert found.tolist() == [[7, 7, 7]]


def test_a_lookup_table_is_checked():
    values = [value("x", (2,)), value("y", (2,))]
    short = tensor("t", np.zeros(255, np.int8), 0)
    with pytest.raises(ModelError, match=r"\(255,\).*\(256,\)"):
        network(one("Sigmoid", values, [short], inputs=["x"], lut="t"))


def test_the_module_keeps_names_layouts_and_integers():
    data = write(convolution())
    mod, params = relay.frontend.from_espdl(data, "esp32s3")
    assert params == {}
    library = relay.build(mod, target="espressif/esp32s3", params=params)
    assert (library.input_names, library.output_names) == (("x",), ("y",))
    program = library.program
    assert program.values["x"].exponent == -5
    assert (program.values["y"].dtype, program.values["y"].exponent) == ("int8", -2)
    x = np.random.default_rng(6).integers(-99, 99, (1, 3, 4, 16)).astype(np.int8)
    expected = reference.run(network(convolution()), {"x": x})
    assert np.array_equal(library(x), expected["y"])
    assert np.array_equal(library.run_with_intermediates(x)["y"], expected["y"])
    (row,) = library.report().nodes
    assert (row.name, row.type, row.defined_by) == ("conv", "Conv", "ESP-DL")


def test_a_network_is_built_for_its_own_chip():
    mod, _ = relay.frontend.from_espdl(write(convolution()), "esp32p4")
    assert relay.build(mod, target="espressif/esp32s31").chip.name == "esp32s31"
    with pytest.raises(ChipError, match=r"made for another chip.*allowed: esp32p4, esp32s31"):
        relay.build(mod, target="espressif/esp32s3")


def test_outputs_may_be_computed_on_the_way():
    nodes = [
        Node("Add", ("a", "b"), ("s",), attributes(quant_type="S8")),
        Node("Relu", ("s",), ("y",), attributes(quant_type="S8")),
    ]
    values = [value(name, (1, 4)) for name in "absy"]
    mod, _ = relay.frontend.from_espdl(write(model(nodes, values, ["a", "b"], ["y", "s"])), "esp32")
    library = relay.build(mod, target="espressif/esp32")
    a = np.int8([[-3, 2, 100, 5]])
    y, s = library(a, a)
    assert s.tolist() == [[-6, 4, 127, 10]]
    assert y.tolist() == [[0, 4, 127, 10]]


def test_nodes_of_one_name_may_follow_each_other():
    given = addition()
    twice = Node("Add", ("a", "b"), ("y",), attributes(quant_type="S8"))
    graph = given.graph
    with pytest.raises(ModelError, match="its result exists already"):
        network(model([*graph.nodes, twice], graph.values.values(), ["a", "b"], ["y"]))


def test_the_table_of_operators_names_esp_dls():
    assert {"Conv", "LUT", "RequantizeLinear", "ReduceMean", "Softmax"} <= set(READERS)
