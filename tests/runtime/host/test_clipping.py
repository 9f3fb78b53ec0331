"""Clips that are part of the product before them: the bits of both, and who still sees what."""

import dataclasses

import numpy as np
import pytest
from host_cases import CHIPS, target_of
from random_operators import draws

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Program, State, Step
from tvm_espdl.runtime.clipping import clipped, with_clips
from tvm_espdl.runtime.executor import build
from tvm_espdl.runtime.host import HostModule
from tvm_espdl.runtime.segments import calls_of

CPUS = ("", "x86-64", "x86-64-v3", "x86-64-v4")
LIMITS = ((0, 96), (-300, 40), (-7, 70000), (90, -90), (5, 5))


def products(dtype, channels):
    """Convolutions and a matrix product, with their weights' shapes; all results alike."""
    names, x = operators(), Tensor(dtype, (1, 6, 9, 20), -4)
    y, weight = Tensor(dtype, (1, 6, 9, channels), -1), (lambda *shape: Tensor(dtype, shape, -6))
    same = (1, 1, 1, 1)
    yield names["conv2d"](x, weight(channels, 20, 1, 1), None, y)
    yield names["conv2d"](x, weight(channels, 20, 3, 3), None, y, same)
    yield names["depthwise_conv2d"](x, weight(20, 1, 3, 3), None, dataclasses.replace(x), same)
    signal = Tensor(dtype, (1, 9, 20), -4)
    out = Tensor(dtype, (1, 9, channels), -1)
    yield names["conv1d"](signal, weight(channels, 20, 3), None, out, (0, 1, 0, 1))
    yield names["gemm"](Tensor(dtype, (5, 20), -4), weight(20, channels), None,
                        Tensor(dtype, (5, channels), -1))  # fmt: skip


def network(chip, product, weights, low, high, **more):
    """A product and a clip."""
    x, y = product.inputs[0], product.output
    clip = operators()["clip"](y, y, low, high)
    steps = (Step(product, ("x",), ("p",), (weights,)), Step(clip, ("p",), ("y",)))
    values = {"x": x, "p": y, "y": y}
    return Program(find_chip(chip), values, ("x",), ("y",), steps, **more)


def expected(program, array):
    product, clip = program.steps
    between = product.operator.reference(program.chip, array, *product.constants)
    return between, clip.operator.reference(program.chip, between)


def drawn(rng, tensor):
    return draws.integers(rng, tensor.dtype, tensor.shape)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_bits_of_product_and_clip(dtype, cpu):
    print("seed", seed := 31)
    rng, target = np.random.default_rng(seed), target_of(cpu)
    programs = []
    for n, channels in enumerate((3, 16, 33, 70)):
        for m, product in enumerate(products(dtype, channels)):
            limits = LIMITS[(n + m) % len(LIMITS)]
            weights = drawn(rng, product.w)
            programs.append(network(CHIPS[(n + m) % 3], product, weights, *limits))
    for program, executor in zip(programs, build(programs, target), strict=True):
        array = drawn(rng, program.values["x"])
        between, result = expected(program, array)
        name = str(program.steps)
        np.testing.assert_array_equal(executor.run([array])[0][0], result, err_msg=name)
        seen = executor.values([array])
        np.testing.assert_array_equal(seen["p"], between, err_msg=name)
        np.testing.assert_array_equal(seen["y"], result, err_msg=name)


def one(low=0, high=6, **more):
    print("seed", seed := 37)
    product = next(products("int8", 16))
    weights = drawn(np.random.default_rng(seed), product.w)
    return network("esp32s3", product, weights, low, high, **more)


def test_a_clip_is_no_step_of_its_own():
    program = one()
    module = HostModule("llvm")
    calls = calls_of(program, module, "net")
    steps, its = with_clips(program.steps, calls, clipped(program))
    assert [(step.operator.name, step.outputs) for step in steps] == [("conv2d", ("y",))]
    assert [call.symbol for call in its] == [calls[0].symbol]
    # A product whose clip is elsewhere stays what it is.
    kept = with_clips(program.steps[:1], calls[:1], clipped(program))
    assert kept == (program.steps[:1], tuple(calls[:1]))


def test_limits_are_no_part_of_the_code():
    module = HostModule("llvm")
    programs = [one(0, 6), one(-4, 90)]
    calls = [calls_of(program, module, f"net{n}") for n, program in enumerate(programs)]
    assert calls[0][0].symbol == calls[1][0].symbol


def changed(program, **fields):
    return dataclasses.replace(program, **fields)


def another_reader(program):
    y = program.values["y"]
    add = Step(operators()["add"](y, y, y), ("p", "y"), ("z",))
    values = {**program.values, "z": y}
    return changed(program, values=values, steps=(*program.steps, add), outputs=("z",))


def another_exponent(program):
    product, clip = program.steps
    y = dataclasses.replace(program.values["y"], exponent=0)
    moved = dataclasses.replace(clip, operator=dataclasses.replace(clip.operator, y=y))
    return changed(program, values={**program.values, "y": y}, steps=(product, moved))


def kept_between_runs(program):
    values = {**program.values, "s": program.values["p"]}
    return changed(program, values=values, states=(State("s", "p"),))


APART = {
    "output": lambda program: changed(program, outputs=("y", "p")),
    "another reader": another_reader,
    "another exponent": another_exponent,
    "state": kept_between_runs,
}


@pytest.mark.parametrize("why", APART)
def test_clips_that_stay_steps(why):
    assert clipped(one())
    program = APART[why](one())
    assert not clipped(program)
    executor = build([program])[0]
    array = drawn(np.random.default_rng(3), program.values["x"])
    states = [np.zeros(program.values[s.value].shape, np.int8) for s in program.states]
    values = executor.values([array], states)
    outputs, _ = executor.run([array], states)
    for name, output in zip(program.outputs, outputs, strict=True):
        np.testing.assert_array_equal(output, values[name])
    between = program.steps[0].operator.reference(program.chip, array, *program.steps[0].constants)
    np.testing.assert_array_equal(values["p"], between)
