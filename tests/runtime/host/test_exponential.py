"""The host's exponential gives the C library's float32 for every number that operators ask for."""

import re

import numpy as np
import pytest
import tvm
from product_cases import PATH_NAMES, target_of
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from tvm_espdl.runtime.host.arithmetic import exponential

#: Differences of two int16, and int16 times two, times the powers of two of all exponents.
INTEGERS = np.arange(-(1 << 16), (1 << 16) + 1)
EXPONENTS = range(-40, 20)


@pytest.fixture(params=(PATH_NAMES[0], PATH_NAMES[1], PATH_NAMES[-1]))
def compiled(request):
    with IRBuilder() as builder, T.prim_func():
        T.func_attr({"global_symbol": "exponentials"})
        x, y = (T.arg(name, T.buffer((INTEGERS.size,), "float32")) for name in "xy")
        with T.serial(INTEGERS.size) as i:
            T.buffer_store(y, exponential(x[i]), [i])
    module = tvm.IRModule({"exponentials": builder.get()})
    return tvm.tirx.build(module, target=target_of(request.param), pipeline="tirx")


def test_all_integers_times_powers_of_two(compiled):
    result = tvm.runtime.empty(INTEGERS.shape, "float32")
    for exponent in EXPONENTS:
        real = np.ldexp(INTEGERS.astype(np.float32), exponent)
        compiled["exponentials"](tvm.runtime.tensor(real), result)
        with np.errstate(over="ignore", under="ignore"):
            expected = np.exp(real.astype(np.float64)).astype(np.float32)
        assert np.array_equal(result.numpy(), expected), exponent


def test_it_is_computed_in_vectors(compiled):
    text = compiled.inspect_source("asm")
    assert not re.search(r"\bcallq?\s+\*?exp\b", text)
    assert "mulpd" in text
