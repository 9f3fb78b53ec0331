"""Where a file begins and ends: which conversions of a program the runtime does itself."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ModelError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.from_program import model_of
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.writing import file_of
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.dequantize import Dequantize
from tvm_espdl.ops.quantize import Quantize
from tvm_espdl.ops.relu import Relu
from tvm_espdl.ops.transpose import Transpose
from tvm_espdl.program import Program, Step, reference

CHIP = find_chip("esp32s3")
REAL, DATA = Tensor("float32", (1, 3, 4, 4)), Tensor("int8", (1, 3, 4, 4), -4)
LAST = Tensor("int8", (1, 4, 4, 3), -4)
TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def program(*steps, inputs=("x_float",), outputs=("y_float",), names=(("x",), ("y",))):
    """A program of (operator, inputs, output, whether the compiler added it)."""
    values = {name: REAL for name in inputs if name.endswith("_float")}
    made = []
    for operator, given, result, added in steps:
        values |= dict(zip(given, operator.inputs, strict=True))
        values[result] = operator.output
        made.append(Step(operator, given, (result,), (), () if added else (result,)))
    return Program(CHIP, values, inputs, outputs, tuple(made), {}, *names)


def file(whole):
    return load(file_of(model_of(whole, model_id="0")))


def kinds(whole):
    return [node.op_type for node in file(whole).model.graph.nodes]


def ends(whole):
    graph = file(whole).model.graph
    return [(v.name, v.dtype, v.shape, v.doc) for v in (*graph.inputs, *graph.outputs)]


def image():
    """Channels last inside, first outside."""
    return program(
        (Quantize(REAL, DATA), ("x_float",), "x", False),
        (Transpose(DATA, LAST, TO_LAST), ("x",), "x_transposed", True),
        (Relu(LAST, LAST), ("x_transposed",), "y_last", False),
        (Transpose(LAST, DATA, TO_FIRST), ("y_last",), "y", True),
        (Dequantize(DATA, REAL), ("y",), "y_float", True),
    )


def test_conversions_and_layout_changes_at_the_edges_are_left_out():
    assert kinds(image()) == ["Relu"]
    layout = "layout ==> NHWC"
    assert ends(image()) == [
        ("x", "int8", (1, 4, 4, 3), layout),
        ("y", "int8", (1, 4, 4, 3), layout),
    ]


def test_transposes_that_the_model_asks_for_stay():
    steps = [
        (Quantize(REAL, DATA), ("x_float",), "x", False),
        (Transpose(DATA, LAST, TO_LAST), ("x",), "x_transposed", False),
        (Relu(LAST, LAST), ("x_transposed",), "y", False),
        (Dequantize(LAST, Tensor("float32", LAST.shape)), ("y",), "y_float", True),
    ]
    assert kinds(program(*steps)) == ["Transpose", "Relu"]
    assert ends(program(*steps))[0] == ("x", "int8", (1, 3, 4, 4), "")


def test_an_input_of_two_exponents_stays_float():
    coarse = Tensor("int8", DATA.shape, -2)
    steps = [
        (Quantize(REAL, DATA), ("x_float",), "x", False),
        (Quantize(REAL, coarse), ("x_float",), "x_2", False),
        (Relu(DATA, DATA), ("x",), "y", False),
        (Relu(coarse, coarse), ("x_2",), "z", False),
    ]
    whole = program(*steps, outputs=("y", "z"), names=(("x",), ("y", "z")))
    assert kinds(whole) == ["QuantizeLinear", "QuantizeLinear", "Relu", "Relu"]
    assert ends(whole)[0] == ("x", "float32", (1, 3, 4, 4), "")
    array = np.random.default_rng(2).normal(size=REAL.shape).astype(np.float32)
    found = reference.outputs(program_of(file(whole), CHIP), {"x": array})
    assert np.array_equal(found["y"], np.clip(np.floor(array * 16 + 0.5), 0, 127))
    assert np.array_equal(found["z"], np.clip(np.floor(array * 4 + 0.5), 0, 127))


def test_integers_that_are_read_again_are_an_output_all_the_same():
    steps = [
        (Quantize(REAL, DATA), ("x_float",), "x", False),
        (Relu(DATA, DATA), ("x",), "y", False),
        (Dequantize(DATA, REAL), ("y",), "y_float", True),
        (Relu(DATA, DATA), ("y",), "z", False),
        (Dequantize(DATA, REAL), ("z",), "z_float", True),
    ]
    whole = program(*steps, outputs=("y_float", "z_float"), names=(("x",), ("y", "z")))
    assert kinds(whole) == ["Relu", "Relu"]
    assert [end[0] for end in ends(whole)] == ["x", "y", "z"]


def test_a_conversion_of_the_model_stays():
    steps = [
        (Relu(DATA, DATA), ("x",), "q", False),
        (Dequantize(DATA, REAL), ("q",), "y", False),
    ]
    whole = program(*steps, inputs=("x",), outputs=("y",))
    assert kinds(whole) == ["Relu", "DequantizeLinear"]
    assert ends(whole)[1][:2] == ("y", "float32")


@pytest.mark.parametrize("outputs", [("y", "y"), ("y", "x")])
def test_outputs_that_no_node_computes_for_itself_are_refused(outputs):
    whole = program(
        (Relu(DATA, DATA), ("x",), "y", False),
        inputs=("x",),
        outputs=outputs,
        names=(("x",), ("first", "second")),
    )
    with pytest.raises(ModelError, match="given twice"):
        model_of(whole, model_id="0")


def test_tensors_without_dimensions_are_refused():
    scalar = Tensor("int8", (), -4)
    whole = program((Relu(scalar, scalar), ("x",), "y", False), inputs=("x",), outputs=("y",))
    with pytest.raises(ModelError, match="cannot hold"):
        model_of(whole, model_id="0")
