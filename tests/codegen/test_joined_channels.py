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
    "signals": (("conv1d", 16), ("gemm", 32), ("depthwise_conv1d", 16)),
    "odd": (("conv2d", 3), ("depthwise_conv2d", 16), ("conv2d", 7)),
}


def weighted(rng, chip, kind, x, channels):
    """A convolution or product of `x` at one exponent, and its constants."""
    depth = 1 if "depthwise" in kind else x.shape[-1]
    kernel = int(rng.choice([1, 3]))
    axes, pad = len(x.shape) - 2, kernel // 2
    shape, fields = (channels, depth, *(kernel,) * axes), {"pads": (pad * (axes - 1), pad) * 2}
    if kind == "gemm":
        shape, fields = (depth, channels), {}
    w = rng.integers(-128, 128, shape).astype(x.dtype)
    zeros = np.zeros(x.shape, x.dtype)
    while True:
        operator, _, constants = with_products(
            rng, chip, kind, (zeros, w), (*x.shape[:-1], channels), **fields
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
    is_signal = any(kind.endswith("1d") for kind, _ in parts)
    x = Tensor(dtype, (1, 9, 16) if is_signal else (1, 5, 7, 16), -4)
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
    y = Tensor(dtype, (*x.shape[:-1], sum(t.shape[-1] for t in xs)), x.exponent)
    steps.append(Step(Concat(xs, y, len(y.shape) - 1), names, ("joined",)))
    values["joined"] = y
    if behind:
        steps.append(Step(Relu(y, y), ("joined",), ("y",)))
        values["y"] = y
    last = [*values][-1]
    named = {"input_names": ("x",), "output_names": ("y",)}
    return Program(chip, values, ("x",), (last,), tuple(steps), **named)


def side_by_side(programs):
    """One program of several, which come one after the other; their values are numbered."""
    values, steps = {}, []
    for number, program in enumerate(programs):
        values |= {f"{name} {number}": tensor for name, tensor in program.values.items()}
        for step in program.steps:
            inputs, outputs = (
                tuple(f"{name} {number}" for name in names) for names in (step.inputs, step.outputs)
            )
            steps.append(dataclasses.replace(step, inputs=inputs, outputs=outputs))
    inputs, outputs = (
        tuple(f"{name} {number}" for number in range(len(programs))) for name in "xy"
    )
    named = {"input_names": inputs, "output_names": outputs}
    return Program(programs[0].chip, values, inputs, outputs, tuple(steps), **named)


def drawn(rng, program):
    tensors = [program.values[name] for name in program.inputs]
    limits = np.iinfo(tensors[0].dtype)
    return [rng.integers(limits.min, limits.max + 1, t.shape).astype(t.dtype) for t in tensors]


def joined_parts(program, kernels):
    return len(generate(program, "id", kernels).plan.pitches)


def able(parts, lanes):
    """How many parts may lie apart: with vectors, where each of their pixels begins with one."""
    begins = np.cumsum([0, *(channels for _, channels in parts)])
    whole = [not (lanes and (begin % lanes or begins[-1] % lanes)) for begin in begins]
    kinds = [kind for kind, _ in parts]
    return sum("pool" not in kind and fits for kind, fits in zip(kinds, whole, strict=False))


def check(programs, compiler=None, kernels="portable"):
    """Two samples of programs side by side, on every bit."""
    rng, program = np.random.default_rng(SEED), side_by_side(programs)
    samples = [drawn(rng, program) for _ in range(2)]
    results = run_network(program, samples, compiler, kernels=kernels)
    for sample, outputs in zip(samples, results, strict=True):
        given = dict(zip(program.inputs, sample, strict=True))
        expected = reference.outputs(program, given)
        for name, output in zip(program.outputs, outputs, strict=True):
            np.testing.assert_array_equal(output, expected[name], f"seed {SEED}: {name}")


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize(
    ("chip", "kernels"),
    [("esp32", "portable"), ("esp32s3", "auto"), ("esp32p4", "auto"), ("esp32c3", "esp-dl")],
)
def test_parts_are_where_they_belong(chip, kernels, dtype):
    rng = np.random.default_rng([SEED, len(chip), ord(chip[-1])])
    programs = [network(rng, CHIPS[chip], parts, dtype) for parts in PARTS.values()]
    for program, parts in zip(programs, PARTS.values(), strict=True):
        assert joined_parts(program, kernels) == able(parts, CHIPS[chip].lanes(dtype))
    check(programs, kernels=kernels)


def test_an_emulated_chip_agrees(rv32):
    rng = np.random.default_rng(SEED)
    check([network(rng, CHIPS["esp32c3"], parts, "int8") for parts in PARTS.values()], rv32)


def test_dumps_show_parts_without_their_neighbours(tmp_path, c_compiler):
    rng = np.random.default_rng(SEED)
    program = network(rng, CHIPS["esp32"], PARTS["odd"], "int16", behind=False)
    assert joined_parts(program, "portable") == 3  # in the caller's buffer, where they leave
    (x,) = drawn(rng, program)
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
