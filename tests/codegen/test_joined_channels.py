"""Concatenated channels that convolutions compute where they belong: on every bit, in C."""

import dataclasses

import numpy as np
import pytest
from network_in_c import run_network
from random_operators.weighted import with_products

from tvm_espdl.chips import CHIPS
from tvm_espdl.codegen.project import write_project
from tvm_espdl.codegen.sources import generate
from tvm_espdl.debug.monitor_log import parse_log
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.concat import Concat
from tvm_espdl.ops.max_pool2d import MaxPool2d
from tvm_espdl.ops.relu import Relu
from tvm_espdl.program import Program, Step, reference
from tvm_espdl.toolchain.network import build_project

SEED = 83
#: Of each part, what computes it and how many channels: `depthwise_conv2d` has those of the input.
PARTS = {
    "whole vectors": (("conv2d", 32), ("depthwise_conv2d", 16), ("conv2d", 16)),
    "the last one odd": (("conv2d", 16), ("conv2d", 32), ("conv2d", 5), ("conv2d", 11)),
    "with a copy": (("max_pool2d", 16), ("conv2d", 16), ("depthwise_conv2d", 16)),
    "odd": (("conv2d", 3), ("depthwise_conv2d", 16), ("conv2d", 7)),
}


def weighted(rng, chip, kind, x, channels):
    """A convolution of `x` at one exponent, and its constants."""
    size = x.shape[1:3]
    depth = 1 if kind == "depthwise_conv2d" else x.shape[-1]
    kernel = int(rng.choice([1, 3]))
    w = rng.integers(-128, 128, (channels, depth, kernel, kernel)).astype(x.dtype)
    pads = (kernel // 2,) * 4
    zeros = np.zeros(x.shape, x.dtype)
    while True:
        operator, _, constants = with_products(
            rng, chip, kind, (zeros, w), (1, *size, channels), pads=pads
        )
        if not operator.refusals(chip):
            break
    by = x.exponent - operator.x.exponent
    moved = {
        n: dataclasses.replace(t, exponent=_moved(t.exponent, by))
        for n, t in (("x", operator.x), ("y", operator.y), ("b", operator.b))
        if t is not None
    }
    return dataclasses.replace(operator, **moved), constants


def _moved(exponent, by):
    return tuple(e + by for e in exponent) if isinstance(exponent, tuple) else exponent + by


def copy_of(x):
    """A pool, which does not work in place, of single pixels."""
    return MaxPool2d(x, x, (1, 1), (0, 0, 0, 0), (1, 1))


def network(rng, chip, parts, dtype, *, behind=True):
    """A Relu of the input, several readers of it, their results joined, and a Relu `behind`."""
    x = Tensor(dtype, (1, 5, 7, 16), -4)
    values, steps = {"x": x, "a": x}, [Step(Relu(x, x), ("x",), ("a",))]
    for number, (kind, channels) in enumerate(parts):
        if kind == "max_pool2d":
            operator, constants = copy_of(x), ()
        else:
            operator, constants = weighted(rng, chip, kind, x, channels)
        values[f"part {number}"] = operator.output
        steps.append(Step(operator, ("a",), (f"part {number}",), constants))
    names = tuple(step.outputs[0] for step in steps[1:])
    xs = tuple(values[name] for name in names)
    y = Tensor(dtype, (*x.shape[:3], sum(t.shape[-1] for t in xs)), x.exponent)
    steps.append(Step(Concat(xs, y, 3), names, ("joined",)))
    values["joined"] = y
    if behind:
        steps.append(Step(Relu(y, y), ("joined",), ("y",)))
        values["y"] = y
    last = [*values][-1]
    named = {"input_names": ("x",), "output_names": ("y",)}
    return Program(chip, values, ("x",), (last,), tuple(steps), **named)


def drawn(rng, program):
    limits = np.iinfo(program.values["x"].dtype)
    return rng.integers(limits.min, limits.max + 1, program.values["x"].shape).astype(limits.dtype)


def joined_parts(program, kernels):
    return len(generate(program, "id", kernels).plan.pitches)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize(
    ("chip", "kernels"),
    [("esp32", "portable"), ("esp32s3", "auto"), ("esp32p4", "auto"), ("esp32c3", "esp-dl")],
)
def test_parts_are_where_they_belong(chip, kernels, parts, dtype):
    rng = np.random.default_rng([SEED, len(chip), ord(chip[-1]), [*PARTS].index(parts)])
    program = network(rng, CHIPS[chip], PARTS[parts], dtype)
    found = joined_parts(program, kernels)
    lanes, able = CHIPS[chip].lanes(dtype), [kind for kind, _ in PARTS[parts]]
    # With vectors, a part begins with one, as every pixel of the result does.
    begins = np.cumsum([0, *(channels for _, channels in PARTS[parts])])
    whole = [begin % max(lanes, 1) == 0 and begins[-1] % max(lanes, 1) == 0 for begin in begins]
    assert found == sum("conv" in kind and fits for kind, fits in zip(able, whole, strict=False))
    samples = [[drawn(rng, program)] for _ in range(2)]
    for (sample,), (y,) in zip(
        samples, run_network(program, samples, kernels=kernels), strict=True
    ):
        expected = reference.outputs(program, {"x": sample})["y"]
        np.testing.assert_array_equal(y, expected, f"seed {SEED}")


def test_an_emulated_chip_agrees(rv32):
    rng = np.random.default_rng(SEED)
    program = network(rng, CHIPS["esp32c3"], PARTS["odd"], "int8")
    samples = [[drawn(rng, program)]]
    ((y,),) = run_network(program, samples, rv32)
    np.testing.assert_array_equal(y, reference.outputs(program, {"x": samples[0][0]})["y"])


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_dumps_show_parts_without_their_neighbours(dtype, tmp_path, c_compiler):
    rng = np.random.default_rng(SEED)
    program = network(rng, CHIPS["esp32"], PARTS["odd"], dtype, behind=False)
    assert joined_parts(program, "portable") == 3  # in the caller's buffer, where they leave
    x = drawn(rng, program)
    values = reference.run(program, {"x": x})
    project = write_project(program, tmp_path / "p", [x], [values["joined"]], kernels="portable")
    build_project(project, tmp_path / "program", c_compiler, defines=["TVM_ESPDL_DUMP"])
    log = c_compiler.run(tmp_path / "program")
    assert log.splitlines()[-1] == "PASS"
    dump = parse_log(log)
    assert not dump.problems
    assert {*dump.tensors} == {*values}
    for name, array in dump.tensors.items():
        np.testing.assert_array_equal(array, values[name], name)


@pytest.mark.parametrize("reader", ["twice", "leaves", "other"])
def test_parts_that_others_need_are_copied(reader):
    rng = np.random.default_rng(SEED)
    program = network(rng, CHIPS["esp32"], (("conv2d", 16), ("conv2d", 48)), "int8")
    steps, values = [*program.steps], dict(program.values)
    if reader == "twice":
        part = steps[1].operator.output
        xs = (part, part, steps[2].operator.output)
        wide = Tensor("int8", (*part.shape[:3], 80), part.exponent)
        steps[3:] = [Step(Concat(xs, wide, 3), ("part 0", "part 0", "part 1"), ("joined",))]
        values.pop("y")
        changed = dataclasses.replace(program, outputs=("joined",))
        values["joined"] = wide
    elif reader == "leaves":
        changed = dataclasses.replace(program, outputs=("y", "part 0"), output_names=("y", "part"))
    else:
        part = steps[1].operator.output
        steps[3:3] = [Step(Relu(part, part), ("part 0",), ("other",))]
        values["other"] = part
        changed = dataclasses.replace(program, outputs=("y", "other"), output_names=("y", "z"))
    changed = dataclasses.replace(changed, steps=tuple(steps), values=values)
    pitches = generate(changed, "id", "portable").plan.pitches
    assert {*pitches} == {"part 1"}


@pytest.mark.parametrize(("channels", "joined"), [(20, {"part 0", "part 1"}), (60, set())])
def test_results_do_not_wait_for_their_parts_at_the_expense_of_others(channels, joined):
    """What comes between the first part and the second, which is made of it, needs its place."""
    rng = np.random.default_rng(SEED)
    program = network(rng, CHIPS["esp32"], (("conv2d", 16), ("conv2d", 48)), "int8")
    steps, x = [*program.steps], program.values["x"]
    between = Tensor("int8", (*x.shape[:3], channels), x.exponent)
    first, constants = weighted(rng, program.chip, "conv2d", x, channels)
    second, others = weighted(rng, program.chip, "conv2d", between, 48)
    steps[2:3] = [
        Step(first, ("a",), ("between",), constants),
        Step(second, ("between",), ("part 1",), others),
    ]
    steps[-1] = dataclasses.replace(steps[-1], operator=copy_of(program.values["y"]))
    values = {**program.values, "between": between}
    changed = dataclasses.replace(program, steps=tuple(steps), values=values)
    assert {*generate(changed, "id", "portable").plan.pitches} == joined
