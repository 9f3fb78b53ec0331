"""A program written as a Relax module and read again is the same program."""

import networks
import numpy as np
import pytest
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.program import Native
from tvm_espdl.relay.lowering import program_for
from tvm_espdl.relay.relax_of import relax_of


def described(program):
    """All that a program says, functions of TVM by their text."""
    steps = []
    for step in program.steps:
        native = isinstance(step.operator, Native)
        operator = (step.operator.name, step.operator.text) if native else step.operator
        constants = [(str(array.dtype), array.tobytes()) for array in step.constants]
        steps.append((operator, step.inputs, step.outputs, step.covers, step.admits, constants))
    constants = {name: (str(a.dtype), a.tobytes()) for name, a in program.constants.items()}
    ends = (program.inputs, program.outputs, program.input_names, program.output_names)
    values = list(program.values.items())
    return steps, constants, ends, values, program.nodes, program.states, program.origins


def assert_read_again(program):
    again = program_for(relax_of(program), program.chip)
    for found, expected in zip(described(again), described(program), strict=True):
        assert found == expected


@pytest.mark.parametrize("chip", networks.CHIPS)
def test_a_network_of_operators_is_the_same(chip):
    program = networks.library("digits", chip).program
    assert any(origin.turns for origin in program.origins.values())
    assert_read_again(program)


def test_functions_of_tvm_and_constants_are_the_same():
    """Two equal functions, and one of several results."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 4, 6))
    other = builder.weights(np.arange(24, dtype=np.int8).reshape(1, 4, 6), -4)
    y = builder.qdq(builder.node("Add", builder.qdq(builder.node("Sin", x), -7), other), -4)
    largest, _ = builder.node("TopK", y, builder.constant(np.int64([2])), outputs=2)
    builder.output(builder.qdq(builder.node("Sin", builder.qdq(largest, -4)), -7))
    program = compile_file(builder.model(), "esp32s3").program
    natives = [step for step in program.steps if isinstance(step.operator, Native)]
    assert len(natives) >= 3 and max(len(step.outputs) for step in natives) == 2
    assert program.constants
    assert_read_again(program)
