"""Layers whose filter no cache holds, slice by slice: the bits, the memory and the names of one."""

import dataclasses
import re

import numpy as np
import pytest
from network_in_c import build_with_double, run_network
from random_operators.draws import integers
from random_operators.weighted import with_products

from tvm_espdl.chips import CHIPS
from tvm_espdl.codegen import sources
from tvm_espdl.codegen.project import write_project
from tvm_espdl.codegen.sources import generate
from tvm_espdl.debug.monitor_log import parse_log
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.concat import Concat
from tvm_espdl.program import Program, Step, reference
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import MODEL

SEED = 91
#: Kind, channels in and out, kernel: filters of 66 to 138 KB. Odd channels behind the
#: first two are no whole vectors.
LAYERS = {
    "pointwise": ("conv2d", 288, 256, 1),
    "window": ("conv2d", 96, 160, 3),
    "odd in and out": ("conv2d", 521, 130, 1),
    "odd out": ("conv2d", 528, 130, 1),
    "signal": ("conv1d", 240, 96, 5),
    "product": ("gemm", 300, 272, 1),
}
#: Those that ESP-DL's kernel would store beside their places.
WHOLE = ("odd out",)


def layer(rng, chip, name, dtype):
    """A program of one layer, with inputs; every channel has an exponent where the chip lets it."""
    kind, depth, channels, kernel = LAYERS[name]
    if dtype == "int16":
        depth //= 2
    size = {"conv2d": (3, 4), "conv1d": (7,), "gemm": (4,)}[kind]
    axes = len(size)
    x = integers(rng, dtype, (*(1,) * (kind != "gemm"), *size, depth))
    shape = (channels, depth, *(kernel,) * axes) if kind != "gemm" else (depth, channels)
    pad = kernel // 2
    fields = {} if kind == "gemm" else {"pads": (pad * (axes - 1), pad) * 2}
    w = integers(rng, dtype, shape, 0.5)
    while True:
        operator, _, constants = with_products(
            rng, chip, kind, (x, w), (*x.shape[:-1], channels), **fields
        )
        if not operator.refusals(chip):
            break
    values = {"x": operator.x, "y": operator.y}
    step = Step(operator, ("x",), ("y",), constants, covers=("y",))
    named = {"input_names": ("x",), "output_names": ("y",)}
    return Program(chip, values, ("x",), ("y",), (step,), **named), x


def members(text):
    return [int(n) for n in re.findall(r"\.slice_channels = (\d+),", text)]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_slices_have_the_bits_of_whole_ones(chip, dtype, name):
    rng = np.random.default_rng([SEED, len(name), ord(chip[-1])])
    program, x = layer(rng, CHIPS[chip], name, dtype)
    assert bool(members(generate(program, "id").network)) == (name not in WHOLE)
    ((got,),) = run_network(program, [[x]], kernels="auto")
    expected = reference.outputs(program, {"x": x})["y"]
    np.testing.assert_array_equal(got, expected, f"seed {SEED}")


@pytest.mark.parametrize("chip", CHIPS)
def test_memory_is_that_of_whole_layers(chip, monkeypatch):
    rng = np.random.default_rng(SEED)
    program, _ = layer(rng, CHIPS[chip], "window", "int8")
    sliced = generate(program, "id")
    assert bool(members(sliced.network)) == bool(CHIPS[chip].vector_bytes)
    assert not members(generate(program, "id", "portable").network)
    monkeypatch.setattr(sources, "slice_channels", lambda *_: 0)
    whole = generate(program, "id")
    assert whole.constant_sha256 == sliced.constant_sha256
    assert whole.constant_bytes == sliced.constant_bytes
    assert whole.plan.arena_bytes == sliced.plan.arena_bytes
    assert whole.stack_bytes == sliced.stack_bytes
    assert re.sub(r"  \.slice_channels = \d+,\n", "", sliced.network) == whole.network


def joined(rng, chip):
    """Two large layers of an input, whose results are joined; the second one's channels are odd."""
    steps, values = [], {"x": Tensor("int8", (1, 3, 4, 272), -4)}
    for number, channels in enumerate((256, 249)):
        w = integers(rng, "int8", (channels, 272, 1, 1), 0.5)
        zeros = np.zeros(values["x"].shape, np.int8)
        while True:
            operator, _, constants = with_products(
                rng, chip, "conv2d", (zeros, w), (1, 3, 4, channels)
            )
            if not operator.refusals(chip):
                break
        by = -4 - operator.x.exponent
        moved = {
            field: dataclasses.replace(tensor, exponent=_moved(tensor.exponent, by))
            for field in "xyb"
            if (tensor := getattr(operator, field)) is not None
        }
        operator = dataclasses.replace(operator, **moved)
        steps.append(Step(operator, ("x",), (f"part {number}",), constants))
        values[f"part {number}"] = operator.y
    xs = tuple(step.operator.y for step in steps)
    y = Tensor("int8", (1, 3, 4, 512), -4)
    third = Tensor("int8", (1, 3, 4, 7), -4)
    small, _, constants = with_products(
        *(rng, chip, "conv2d"),
        (np.zeros((1, 3, 4, 272), np.int8), integers(rng, "int8", (7, 272, 1, 1))),
        (1, 3, 4, 7),
    )
    small = dataclasses.replace(
        small,
        x=values["x"],
        y=third,
        b=None,
        w=dataclasses.replace(small.w, exponent=-9),
    )
    steps.append(Step(small, ("x",), ("part 2",), constants[:1]))
    values["part 2"] = third
    names = ("part 0", "part 1", "part 2")
    steps.append(Step(Concat((*xs, third), y, 3), names, ("y",)))
    values["y"] = y
    named = {"input_names": ("x",), "output_names": ("y",)}
    return Program(chip, values, ("x",), ("y",), tuple(steps), **named)


def _moved(exponent, by):
    return tuple(e + by for e in exponent) if isinstance(exponent, tuple) else exponent + by


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_slices_of_joined_parts_and_their_dump(chip, tmp_path):
    """Slices are written between the channels of others; a dump has each result once, and whole."""
    rng = np.random.default_rng([SEED, ord(chip[-1])])
    program = joined(rng, CHIPS[chip])
    made = generate(program, "id")
    assert {*made.plan.pitches} >= {"part 0", "part 1"}
    assert len(members(made.network)) == 2
    x = integers(rng, "int8", program.values["x"].shape)
    values = reference.run(program, {"x": x})
    project = write_project(program, tmp_path / "p", [x], [values["y"]])
    runtime = project / MODEL / "model" / "runtime"
    assert (runtime / "espdl_conv2d.cpp").exists()
    switch = project / MODEL / "crt_config" / "crt_config.h"
    text = switch.read_text()
    switch.write_text(text.replace("/* #define TVM_ESPDL_DUMP 1 */", "#define TVM_ESPDL_DUMP 1"))
    main, compiler = project / "main" / "app_main.c", Compiler.host()
    build_with_double(project, tmp_path / "program", compiler, main, CHIPS[chip].family)
    log = compiler.run(tmp_path / "program")
    assert log.splitlines()[-1] == "PASS"
    dump = parse_log(log)
    assert not dump.problems
    assert {*dump.tensors} == {*values}
    for name, array in dump.tensors.items():
        np.testing.assert_array_equal(array, values[name], name)
