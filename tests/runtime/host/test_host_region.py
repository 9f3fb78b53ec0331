"""Whole programs as one function: lifetimes, shared memory, linked modules."""

import dataclasses

import numpy as np
import pytest
import tvm
from host_cases import CHIPS
from host_networks import expected, image, residual

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Native, Program, Step
from tvm_espdl.runtime.host import build_regions


def run(module, symbol, program, names, *inputs):
    arrays = [tvm.runtime.tensor(x) for x in inputs]
    types = [program.values[name] for name in names]
    outputs = [tvm.runtime.tensor(np.full(t.shape, 77, t.dtype)) for t in types]
    module[symbol](*arrays, *outputs)
    return [output.numpy() for output in outputs]


def check(program, names, *inputs):
    module = build_regions({"net": program})
    reference = expected(program, *inputs)
    results = run(module, "net", program, names, *inputs)
    for name, result in zip(names, results, strict=True):
        np.testing.assert_array_equal(result, reference[name], err_msg=name)


@pytest.mark.parametrize("chip", CHIPS)
def test_residual_network(chip):
    program = residual(chip)
    check(program, program.outputs, image())


def test_value_used_twice_by_one_step():
    x = Tensor("int8", (7,), -2)
    step = Step(operators()["add"](x, x, x), ("x", "x"), ("y",))
    program = Program(find_chip("esp32"), {"x": x, "y": x}, ("x",), ("y",), (step,))
    check(program, ("y",), np.arange(-3, 4, dtype=np.int8) * 30)


def test_runs_do_not_disturb_each_other():
    program = residual("esp32p4")
    module = build_regions({"net": program})
    first, second = image(), -image()
    before = run(module, "net", program, program.outputs, first)
    run(module, "net", program, program.outputs, second)
    after = run(module, "net", program, program.outputs, first)
    np.testing.assert_array_equal(before[0], after[0])


def test_building_is_deterministic():
    texts = [build_regions({"net": residual("esp32s3")}).inspect_source("asm") for _ in range(2)]
    assert texts[0] == texts[1]


def test_several_programs_in_one_module():
    programs = {f"net_{chip}": residual(chip) for chip in CHIPS}
    module = build_regions(programs)
    for symbol, program in programs.items():
        (result,) = run(module, symbol, program, program.outputs, image())
        np.testing.assert_array_equal(result, expected(program, image())["h"])


def test_modules_can_be_exported_together(tmp_path, c_compiler):
    """Two regions in one shared library: their symbols do not collide."""
    programs = {f"net_{chip}": residual(chip) for chip in CHIPS[:2]}
    first, second = (build_regions({symbol: p}) for symbol, p in programs.items())
    first.import_module(second)
    path = str(tmp_path / "nets.so")
    first.export_library(path)
    loaded = tvm.runtime.load_module(path)
    symbol, program = next(iter(programs.items()))
    (result,) = run(loaded, symbol, program, program.outputs, image())
    np.testing.assert_array_equal(result, expected(program, image())["h"])


def test_native_steps_are_refused():
    x = Tensor("int8", (7,), -2)
    step = Step(Native(None, (x,), (x,)), ("x",), ("y",))
    program = Program(find_chip("esp32"), {"x": x, "y": x}, ("x",), ("y",), (step,))
    with pytest.raises(TypeError, match="net_tvm_0 is no operator"):
        build_regions({"net": program})


@pytest.mark.parametrize("outputs", [("h", "h"), ("h", "x")])
def test_outputs_that_no_step_writes_are_refused(outputs):
    program = dataclasses.replace(residual("esp32s3"), outputs=outputs)
    with pytest.raises(ValueError, match="net gives a value twice"):
        build_regions({"net": program})
