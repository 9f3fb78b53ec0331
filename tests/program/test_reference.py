"""Programs evaluated with the operators' references: names, constants, states, what has none."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.add import Add
from tvm_espdl.program import Native, Program, State, Step, reference

TYPE = Tensor("int8", (1, 3), -4)


def running_sum():
    """y = x + 1 + s, which the next run begins with."""
    add = Add(TYPE, TYPE, TYPE)
    steps = (Step(add, ("x", "one"), ("next",)), Step(add, ("next", "s"), ("sum",)))
    return Program(
        find_chip("esp32s3"),
        dict.fromkeys(("x", "s", "one", "next", "sum"), TYPE),
        ("x",),
        ("sum",),
        steps,
        {"one": np.ones((1, 3), np.int8)},
        input_names=("given",),
        output_names=("total",),
        states=(State("s", "sum"),),
    )


def test_names_constants_and_states():
    program, x = running_sum(), np.int8([[1, 2, 126]])
    values = reference.run(program, {"given": x})
    assert values["next"].tolist() == [[2, 3, 127]]
    assert values["sum"].tolist() == [[2, 3, 127]]
    states = {state.value: values[state.next] for state in program.states}
    assert reference.outputs(program, {"given": x}, states)["total"].tolist() == [[4, 6, 127]]


def test_a_function_of_tvm_has_no_reference():
    native = Native(object(), (TYPE,), (TYPE,), "sin")
    program = Program(
        find_chip("esp32"), {"x": TYPE, "y": TYPE}, ("x",), ("y",), (Step(native, ("x",), ("y",)),)
    )
    with pytest.raises(ValueError, match="no reference of sin"):
        reference.run(program, {"x": np.zeros((1, 3), np.int8)})
