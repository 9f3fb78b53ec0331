"""The C engine's own behaviour: what it says when tools are missing or a program fails."""

import dataclasses

import numpy as np
import pytest

from tvm_espdl.chips import CHIPS
from tvm_espdl.errors import ToolError
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.selftest.c_engine import Item, run_c
from tvm_espdl.toolchain.compiler import Compiler


def relu_item(claimed_size):
    """A relu of 8 values whose kernel is told to compute `claimed_size`."""
    x = np.arange(-4, 4).astype(np.int8)
    tensor = Tensor("int8", x.shape, 0)
    operator = operators()["relu"](tensor, tensor)
    call = operator.call(CHIPS["esp32"])
    wrong = dataclasses.replace(call, fields={**call.fields, "size": claimed_size})

    class Told(type(operator)):
        name = ""

        def call(self, chip, *constants):
            return wrong

    return Item(Told(tensor, tensor), CHIPS["esp32"], (), (x,))


def test_missing_compiler_names_its_packages():
    absent = dataclasses.replace(Compiler.host(), command="no-such-gcc")
    with pytest.raises(ToolError, match=r"no no-such-gcc; try: apt-get install gcc"):
        run_c([], compiler=absent)


def test_missing_emulator_names_its_packages():
    absent = dataclasses.replace(Compiler.host(), emulator=("no-such-qemu",), packages="qemu")
    with pytest.raises(ToolError, match=r"no-such-qemu.*apt-get install qemu"):
        run_c([], compiler=absent)


def test_no_items_no_program(c_compiler):
    assert run_c([], compiler=c_compiler) == []


def test_writing_past_the_output_is_noticed(c_compiler):
    assert run_c([relu_item(8)], compiler=c_compiler)[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]
    with pytest.raises(ToolError, match="case 0: wrote past the end of its output"):
        run_c([relu_item(9)], compiler=c_compiler)


def test_reading_past_an_input_is_noticed(c_compiler):
    with pytest.raises(ToolError, match="heap-buffer-overflow"):
        run_c([relu_item(9)], compiler=Compiler.sanitized())


def test_compiler_messages_are_shown(c_compiler):
    with pytest.raises(ToolError, match="no-such-option"):
        run_c([relu_item(8)], compiler=Compiler.host("-fno-such-option"))
