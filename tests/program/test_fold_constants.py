"""What is computed of constants alone is a constant, and nothing else changes."""

import numpy as np
import pytest
from network_in_c import run_network
from qdq_builder import QdqBuilder

from tvm_espdl.chips import CHIPS
from tvm_espdl.compilation import compile_file
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.add import Add
from tvm_espdl.ops.relu import Relu
from tvm_espdl.program import Native, Program, Step
from tvm_espdl.program.passes import run_passes
from tvm_espdl.program.passes.fold_constants import fold_constants

CHIP = CHIPS["esp32s3"]
T = Tensor("int8", (1, 4), 0)
CONSTANT = np.array([[1, -2, 3, -4]], np.int8)


def program(steps, outputs, constants=("c",)):
    names = {name for step in steps for name in (*step.inputs, *step.outputs)}
    values = dict.fromkeys(["x", *sorted(names - {"x"})], T)
    known = dict.fromkeys(constants, CONSTANT)
    return Program(CHIP, values, ("x",), outputs, tuple(steps), known)


def test_a_chain_of_constants_becomes_one():
    relu, add = Relu(T, T), Add(T, T, T)
    steps = [
        Step(relu, ("c",), ("a",)),
        Step(add, ("a", "a"), ("b",)),
        Step(add, ("x", "b"), ("y",)),
    ]
    folded = run_passes(program(steps, ("y",)))
    assert [step.outputs for step in folded.steps] == [("y",)]
    assert set(folded.constants) == {"b"}
    np.testing.assert_array_equal(folded.constants["b"], [[2, 0, 6, 0]])
    assert set(folded.values) == {"x", "b", "y"}


def test_a_constant_that_others_read_stays():
    relu, add = Relu(T, T), Add(T, T, T)
    steps = [
        Step(relu, ("c",), ("a",)),
        Step(add, ("a", "c"), ("b",)),
        Step(add, ("x", "c"), ("y",)),
    ]
    folded = fold_constants(program(steps, ("y",)))
    assert set(folded.constants) == {"c"}


@pytest.mark.parametrize("kernels", ["portable", "auto"])
def test_a_network_whose_operators_have_constants_alone(kernels, c_compiler):
    rng = np.random.default_rng(6)
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 40])
    c = builder.weights(rng.integers(-128, 128, (1, 40)).astype(np.int8), -4)
    for operator in ("Relu", "Neg"):
        c = builder.qdq(builder.node(operator, c), -4)
    builder.output(builder.qdq(builder.node("Add", x, c), -4))
    library = compile_file(builder.model(), CHIP.name)
    program = library.program
    assert [step.operator.name for step in program.steps] == ["quantize", "add", "dequantize"]
    assert len(program.constants) == 1
    assert program.origins.keys() == {"x", program.steps[1].outputs[0]}
    sample = rng.normal(0, 2, (1, 40)).astype(np.float32)
    ((result,),) = run_network(program, [[sample]], c_compiler, kernels=kernels)
    np.testing.assert_array_equal(result, library(sample))


def test_an_output_is_computed_where_it_is():
    steps = [Step(Relu(T, T), ("c",), ("y",))]
    assert fold_constants(before := program(steps, ("y",))) is before


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_quantized_weights_of_tvms_operators_are_not_dequantized_on_the_chip(
    chip, dtype, c_compiler
):
    """A float result is TVM's: weights, and the bias of 32 or 64 bits, are constants of float."""
    rng = np.random.default_rng(5)
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", [1, 4, 5, 7])
    w = builder.weights(rng.integers(-128, 128, (6, 2, 3, 3)).astype(dtype), -7)
    b = builder.weights(rng.integers(-999, 999, 6).astype(np.int32), -11)
    y = builder.node("Conv", x, w, b, group=2, pads=[1, 1, 0, 1])
    builder.output(builder.qdq(builder.node("Sin", y), -4))
    library = compile_file(builder.model(), chip)
    operators = [step.operator for step in library.program.steps]
    assert any(isinstance(operator, Native) for operator in operators)
    read = {step.inputs[0] for step in library.program.steps if step.operator.name == "dequantize"}
    assert not read.intersection(library.program.constants)
    sample = rng.normal(0, 2, (1, 4, 5, 7)).astype(np.float32)
    ((result,),) = run_network(library.program, [library.feed([sample])], c_compiler)
    np.testing.assert_array_equal(result, library(sample))
