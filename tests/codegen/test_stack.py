"""A run needs no more stack than the header says, and works from a task of 4 KB."""

import os
import re

import numpy as np
import pytest
from espdl_double import RV32, compile_one
from networks import library, samples
from requirements_here import installed
from stack_use import deepest

from tvm_espdl.chips import CHIPS, FAMILIES
from tvm_espdl.codegen.project import write_project
from tvm_espdl.codegen.stack import (
    CALLERS,
    CALLS,
    ESP_DL_BYTES,
    ESP_DL_FRAMES,
    PORTABLE_BYTES,
    WINDOW_BYTES,
    stack_bytes,
)
from tvm_espdl.compilation import compile_espdl, compile_file
from tvm_espdl.espdl import load
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.matmul import Matmul
from tvm_espdl.program import Program, Step
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

#: What is taken of functions of the C library, which GCC tells nothing of.
LIBRARY = 256
TASK = 4096
FACES = "human_face_detect_models_s3_human_face_detect_mnp_s8_v1.espdl"


EVERYTHING = os.environ.get("TVM_ESPDL_ALL") == "1"
ZOO = ("actzoo_32", "dscnn_kws_49x10", "kws_conv1d", "mobilenetv2_100_224", "resnet8_32",
       "yolo_nano_96", "yolo_tiny_160")  # fmt: skip


def network(name, models):
    """A network for S3: a published file, a float network in int8 or int16, or the digits."""
    if name.endswith(".espdl"):
        return compile_espdl(load(models / "espdl" / name), "esp32s3")
    if name in ("digits", "seed"):
        return library(name, "esp32s3", models)
    name, _, dtype = name.partition("-")
    with np.load(models / "float" / f"{name}.calib.npz") as stored:
        calibration = stored[stored.files[0]][:2].astype(np.float32)
    int16 = "*" if dtype else ()
    float_model = models / "float" / f"{name}.onnx"
    options = {"int16": int16, "measure": False, "recover": ()}
    return compile_file(quantize_onnx(float_model, calibration, "esp32s3", **options).model)


def zoo():
    """The digits and one published network; with TVM_ESPDL_ALL=1 all there are, in both widths."""
    yield from ("digits", FACES)
    if EVERYTHING:
        yield "seed"
        yield from (f"{name}{dtype}" for name in ZOO for dtype in ("", "-int16"))


@pytest.fixture
def risc_v():
    """Without float instructions: computing with floats takes calls."""
    return installed(Compiler.rv32(march="rv32imc", mabi="ilp32"))


@pytest.mark.parametrize("name", [*zoo()])
def test_zoo_stays_within_what_the_header_says(name, risc_v, tmp_path, models_dir):
    project = network(name, models_dir).export_project(tmp_path / "project", kernels="portable")
    (header,) = project.rglob("tvmgen_default.h")
    said = int(re.search(r"_STACK_BYTES (\d+)", header.read_text())[1])
    needed, chain = deepest(project, risc_v, tmp_path, "tvmgen_default_run", LIBRARY)
    assert 200 < needed <= said == PORTABLE_BYTES, chain
    assert len(chain) > 2, chain


def product(chip, folder, kernels):
    """The project of a product of two tensors."""
    a, b, y = (Tensor("int16", shape, -4) for shape in ((1, 9, 20), (1, 20, 24), (1, 9, 24)))
    step = Step(Matmul(a, b, y), ("a", "b"), ("y",))
    names = {"input_names": ("a", "b"), "output_names": ("y",)}
    program = Program(
        CHIPS[chip],
        {"a": a, "b": b, "y": y},
        ("a", "b"),
        ("y",),
        (step,),
        **names,
    )
    zeros = [np.zeros(t.shape, np.int16) for t in (a, b, y)]
    return write_project(program, folder, zeros[:2], zeros[2:], kernels=kernels)


def test_the_kernel_with_the_deepest_calls_stays_within_it(risc_v, tmp_path):
    """A product of two tensors packs columns, and goes on through areas, tiles, exact sums."""
    project = product("esp32s3", tmp_path / "p", "portable")
    needed, chain = deepest(project, risc_v, tmp_path, "tvmgen_default_run", LIBRARY)
    assert 1000 < needed <= PORTABLE_BYTES, chain


@pytest.mark.parametrize("family", ["pie_v1", "pie_v2"])
def test_the_glue_takes_no_more_than_what_is_allowed_for_it(family, tmp_path):
    """Only the glue is compiled here: the figures of ESP-DL's own code are measured beforehand."""
    chip = FAMILIES[family]
    digits = library("digits", chip).export_project(tmp_path / "digits")
    frames, command = {}, (*RV32, "-O2")
    for project in (digits, product(chip, tmp_path / "product", "auto")):
        for source in sorted(project.rglob("*.cpp")):
            target = tmp_path / f"{source.stem}.o"
            options = ["-fstack-usage"]
            folders = [source.parent]
            compile_one(family, source, target, includes=folders, compiler=command, options=options)
            usage = target.with_suffix(".su").read_text().splitlines()
            # All functions of a file together: none of them calls itself.
            frames[source.stem] = sum(int(line.split("\t")[1]) for line in usage)
    (allowed,) = (frames.glue for frames in ESP_DL_FRAMES if frames.family == family)
    assert {"espdl_conv2d", "espdl_matmul"} <= {*frames}
    assert 200 < max(frames.values()) <= 2 * allowed, frames  # int8 and int16


def test_what_the_header_says_has_room_above_the_deepest_chain_into_esp_dl():
    for frames in ESP_DL_FRAMES:
        deepest_chain = CALLERS + frames.total + CALLS * WINDOW_BYTES
        assert 1.3 * deepest_chain <= ESP_DL_BYTES <= TASK - 512
    assert stack_bytes(["portable", "tvm"]) == PORTABLE_BYTES
    assert stack_bytes(["portable", "esp-dl"]) == ESP_DL_BYTES


ON_A_TASK = """\
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define main projects_main
#include "app_main.c"
#undef main

static uint8_t stack[{task}] __attribute__((aligned(16)));
static int32_t result = -9;

static void task(void) {{
  result = run_network();
}}

int main(void) {{
  memset(stack, 0xa5, sizeof stack);
  register void (*const run)(void) __asm__("s2") = task;
  register uint8_t *const top __asm__("s3") = stack + sizeof stack;
  __asm__ volatile("mv s1, sp\\n mv sp, %0\\n jalr %1\\n mv sp, s1"
                   : : "r"(top), "r"(run)
                   : "s1", "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a0", "a1", "a2", "a3",
                     "a4", "a5", "a6", "a7", "memory"{floats});
  uint32_t untouched = 0;
  while (stack[untouched] == 0xa5) {{
    ++untouched;
  }}
  printf("%d %u %d\\n", (int)result, (unsigned)(sizeof stack - untouched), compare_outputs());
  return 0;
}}
"""
FLOATS = [f"f{kind}{n}" for kind, count in (("t", 12), ("a", 8)) for n in range(count)]


def test_a_run_works_from_a_task_of_4_kilobytes(rv32, tmp_path):
    lib = library("digits", "esp32s3")
    project = lib.export_project(
        tmp_path / "project", samples(lib, 1, seed=3)[0], kernels="portable"
    )
    floats = "".join(f', "{register}"' for register in FLOATS)
    (project / "main" / "runner.c").write_text(ON_A_TASK.format(task=TASK, floats=floats))
    program = tmp_path / "program"
    quiet = rv32.with_flags("-Wno-unused-function")
    build_project(project, program, quiet, main=project / "main" / "runner.c")
    *_, line = rv32.run(program).strip().splitlines()
    result, used, failed = map(int, line.split())
    assert (result, failed) == (0, 0)
    assert 200 < used <= PORTABLE_BYTES <= TASK - 512
