"""Whole programs as one function: lifetimes, shared names, observed values, linked modules."""

import numpy as np
import pytest
import tvm
from host_cases import CHIPS
from random_operators.draws import integers

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Native, Program, Step
from tvm_espdl.runtime.host import build_region, build_regions, observed


def conv(rng, x, channels, *, name="conv2d", kernel=3):
    depth = 1 if name == "depthwise_conv2d" else x.shape[3]
    w = integers(rng, "int8", (channels, depth, kernel, kernel), 1 / 8)
    b = rng.integers(-4000, 4000, channels).astype(np.int32)
    y = Tensor("int8", (*x.shape[:3], channels), -4)
    pad = kernel // 2
    operator = operators()[name](
        x, Tensor("int8", w.shape, -6), Tensor("int32", b.shape, -10), y, (pad,) * 4
    )
    return operator, y, (w, b)


def residual(chip):
    """Quantize, two convolutions, a sum with the first, pool, reshape, gemm, softmax."""
    rng = np.random.default_rng(2)
    names = operators()
    values = {"x": Tensor("float32", (1, 12, 12, 5)), "q": Tensor("int8", (1, 12, 12, 5), -4)}
    steps = [Step(names["quantize"](values["x"], values["q"]), ("x",), ("q",))]

    def then(operator, inputs, output, constants=()):
        values[output] = operator.output
        steps.append(Step(operator, inputs, (output,), constants))
        return operator.output

    operator, a, constants = conv(rng, values["q"], 20)
    then(operator, ("q",), "a", constants)
    operator, b, constants = conv(rng, a, 20, name="depthwise_conv2d")
    then(operator, ("a",), "b", constants)
    operator, c, constants = conv(rng, b, 20, kernel=1)
    then(operator, ("b",), "c", constants)
    then(names["add"](c, a, a, "relu"), ("c", "a"), "d")
    pooled = Tensor("int8", (1, 1, 1, 20), -5)
    then(names["average_pool2d"](a, pooled, (12, 12)), ("d",), "e")
    row = then(names["reshape"](pooled, Tensor("int8", (1, 20), -5)), ("e",), "f")
    w = integers(rng, "int8", (20, 7), 1 / 3)
    logits = Tensor("int8", (1, 7), -3)
    then(names["gemm"](row, Tensor("int8", w.shape, -6), None, logits), ("f",), "g", (w,))
    then(names["softmax"](logits, Tensor("float32", (1, 7)), 1), ("g",), "h")
    return Program(find_chip(chip), values, ("x",), ("h",), tuple(steps))


def expected(program, *inputs):
    """Every value, by the references, step by step."""
    found = dict(zip(program.inputs, inputs, strict=True))
    for step in program.steps:
        arrays = [found[name] for name in step.inputs]
        found[step.outputs[0]] = step.operator.reference(program.chip, *arrays, *step.constants)
    return found


def run(module, symbol, program, names, *inputs):
    arrays = [tvm.runtime.tensor(x) for x in inputs]
    types = [program.values[name] for name in names]
    outputs = [tvm.runtime.tensor(np.full(t.shape, 77, t.dtype)) for t in types]
    module[symbol](*arrays, *outputs)
    return [output.numpy() for output in outputs]


def check(program, names, *inputs, **options):
    module = build_region(program, "net", **options)
    reference = expected(program, *inputs)
    results = run(module, "net", program, names, *inputs)
    for name, result in zip(names, results, strict=True):
        np.testing.assert_array_equal(result, reference[name], err_msg=name)


def image():
    return np.random.default_rng(3).normal(0, 4, (1, 12, 12, 5)).astype(np.float32)


@pytest.mark.parametrize("chip", CHIPS)
def test_residual_network(chip):
    program = residual(chip)
    check(program, program.outputs, image())


@pytest.mark.parametrize("chip", CHIPS)
def test_observed_values(chip):
    program = residual(chip)
    assert observed(program) == ("q", "a", "b", "c", "d", "e", "f", "g", "h")
    check(program, observed(program), image(), observe=True)


@pytest.mark.parametrize(
    "outputs", [("h", "a"), ("a", "h", "a"), ("x", "d"), ("x", "q", "x", "q", "h")], ids=",".join
)
def test_outputs_may_be_read_repeated_or_inputs(outputs):
    whole = residual("esp32s3")
    program = Program(whole.chip, whole.values, whole.inputs, outputs, whole.steps)
    check(program, outputs, image())


def test_program_without_steps_copies():
    types = {"x": Tensor("int16", (3, 4), -2)}
    program = Program(find_chip("esp32"), types, ("x",), ("x", "x"), ())
    check(program, ("x", "x"), np.arange(12, dtype=np.int16).reshape(3, 4))


def test_value_used_twice_by_one_step():
    x = Tensor("int8", (7,), -2)
    step = Step(operators()["add"](x, x, x), ("x", "x"), ("y",))
    program = Program(find_chip("esp32"), {"x": x, "y": x}, ("x",), ("y",), (step,))
    check(program, ("y",), np.arange(-3, 4, dtype=np.int8) * 30)


def test_runs_do_not_disturb_each_other():
    program = residual("esp32p4")
    module = build_region(program, "net")
    first, second = image(), -image()
    before = run(module, "net", program, program.outputs, first)
    run(module, "net", program, program.outputs, second)
    after = run(module, "net", program, program.outputs, first)
    np.testing.assert_array_equal(before[0], after[0])


def test_building_is_deterministic():
    texts = [build_region(residual("esp32s3"), "net").inspect_source("asm") for _ in range(2)]
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
    first, second = (build_region(p, symbol) for symbol, p in programs.items())
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
    with pytest.raises(TypeError, match="step 0 of net is no operator"):
        build_region(program, "net")
