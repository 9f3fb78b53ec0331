"""What is computed element by element: whole, in parts, with the instructions of several CPUs."""

import numpy as np
import pytest
from host_cases import target_of
from tvm.target import Target

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.runtime.buffers import empty, readable
from tvm_espdl.runtime.executor import build
from tvm_espdl.runtime.host.kernel import PART
from tvm_espdl.runtime.host.lookup import lookup_of
from tvm_espdl.runtime.host.run import program_of

SIZES = (1, 16, 33, 65, 256, 2 * PART + 37)
CPUS = ("", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")
CHIPS = ("esp32s3", "esp32p4")


def cases(dtype, size, rng):
    """Operators with their constants."""
    x, y, limits = Tensor(dtype, (size,), -4), Tensor(dtype, (size,), -3), np.iinfo(dtype)
    names = operators()
    clip = names["clip"]
    yield names["add"](x, y, x, "relu"), ()
    yield from ((clip(x, out, low, 90), ()) for out in (x, y) for low in (-5, 91))
    yield clip(y, Tensor(dtype, (size,), -7), -100, 100), ()
    yield names["requantize"](x, y), ()
    yield from ((names["relu"](x, Tensor(dtype, (size,), e)), ()) for e in (-6, -3, 0))
    step = 1 if dtype == "int8" else 256
    entries = 256 if dtype == "int8" else 257
    table = rng.integers(limits.min, limits.max, entries, dtype, endpoint=True)
    yield names["lut"](x, y, "sigmoid", step), (table,)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_parts_and_the_whole_are_the_reference(dtype, cpu):
    print("seed", seed := 16)
    rng = np.random.default_rng(seed)
    target = target_of(cpu)
    limits = np.iinfo(dtype)
    found = [
        (*case, find_chip(CHIPS[(n + number) % 2]))
        for n in SIZES
        for number, case in enumerate(cases(dtype, n, rng))
    ]
    programs = [program_of(operator, chip, constants) for operator, constants, chip in found]
    for (operator, constants, chip), executor in zip(found, build(programs, target), strict=True):
        arrays = [
            rng.integers(limits.min, limits.max, t.shape, dtype, endpoint=True)
            for t in operator.inputs
        ]
        arrays[0].ravel()[:256] = np.arange(-128, 128)[: arrays[0].size]
        wanted = operator.reference(chip, *arrays, *constants)
        name = f"{operator} {chip.name}"
        np.testing.assert_array_equal(executor.run(arrays)[0][0], wanted, err_msg=name)
        np.testing.assert_array_equal(in_parts(executor, arrays), wanted, err_msg=name)


def test_each_cpu_looks_up_in_its_own_way():
    ways = ((cpu, lookup_of(Target({"kind": "llvm", "mcpu": cpu}))) for cpu in CPUS if cpu)
    found = {cpu: way and (way.feature, way.lanes) for cpu, way in ways}
    assert found == {
        "x86-64": None,
        "x86-64-v2": ("ssse3", 16),
        "x86-64-v3": ("avx2", 32),
        "x86-64-v4": ("avx512bw", 64),
    }
    assert lookup_of(Target({"kind": "llvm", "mcpu": "icelake-server"})).feature == "avx512vbmi"


def in_parts(executor, arrays):
    """The result of a kernel that is called for each part by itself, the last one first."""
    ((call, _),) = executor._calls
    result = empty(executor.program.values["y"])
    result[...] = 0
    everything = [*map(readable, (*arrays, *call.kernel.constants)), result]
    pointers = [array.ctypes.data for array in everything]
    for part in reversed(range(call.kernel.parts)):
        limits = (part, part + 1) if call.kernel.parts > 1 else ()
        executor._kernels[0](*pointers, *limits)
    return result
