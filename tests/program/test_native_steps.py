"""Functions that TVM compiles, in a program: copied as they are, never pickled."""

import copy
import pickle

import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ModelError
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Native, Program, Step

X = Tensor("int16", (1, 3), -2)


def program(operator):
    step = Step(operator, ("x",), ("y",))
    return Program(find_chip("esp32s3"), {"x": X, "y": X}, ("x",), ("y",), (step,))


def test_a_program_of_operators_can_be_pickled():
    given = program(operators()["relu"](X, X))
    found = pickle.loads(pickle.dumps(given))
    assert found.steps[0].operator == given.steps[0].operator


@pytest.mark.parametrize("way", [pickle.dumps, lambda p: pickle.dumps(p, protocol=2)])
def test_one_with_functions_of_tvm_says_why_not(way):
    with pytest.raises(ModelError, match=r"fused_conv: .*cannot be pickled.*cache_dir"):
        way(program(Native(None, (X,), (X,), "fused_conv")))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_copies_share_it(way):
    native = Native(None, (X,), (X,))
    assert way(program(native)).steps[0].operator is native
