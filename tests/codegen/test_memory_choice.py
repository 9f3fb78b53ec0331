"""Tensors and constants in internal RAM, PSRAM or a caller's buffer: same bits, or a refusal."""

import dataclasses
import json
import re

import numpy as np
import onnx
import pytest
from network_in_c import run_network
from networks import library, quantized_digits, samples
from program_drawings import drawn_program
from projects import project_of
from qdq_builder import QdqBuilder

from tvm_espdl.chips import CHIPS
from tvm_espdl.chips.settings import Board
from tvm_espdl.cli import main
from tvm_espdl.codegen.fitting import check_fit
from tvm_espdl.codegen.memory_account import account_text, memory_of
from tvm_espdl.codegen.memory_choice import (
    INTERNAL,
    PSRAM,
    MemoryChoice,
    choice_of,
    kept_bytes,
    pools_of,
)
from tvm_espdl.compilation import compile_espdl, compile_file
from tvm_espdl.errors import DataError, ModelError
from tvm_espdl.espdl import load
from tvm_espdl.program.memory import plan
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project, includes, sources

MOBILENET = "imagenet_cls_models_s3_imagenet_cls_mobilenetv2_s8_v1.espdl"
CHOICES = {
    "some in PSRAM": MemoryChoice(internal_ram=1100),
    "all in PSRAM": MemoryChoice(internal_ram=0),
    "the caller's": MemoryChoice(arena="caller"),
    "copied weights": MemoryChoice(weights="psram"),
    "all of it": MemoryChoice(internal_ram=900, weights="psram"),
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_bits_do_not_depend_on_where_tensors_are(choice, c_compiler):
    network = library("digits", "esp32s3")
    given = samples(network, 2, seed=5)
    expected = [network.run(sample) for sample in given]
    results = run_network(
        network.program, given, c_compiler, first=expected[0], kernels="auto", memory=choice
    )
    for ours, theirs in zip(expected, results, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_pools_are_filled_within_their_limits_and_the_busiest_bytes_come_first():
    program = library("digits", "esp32s3").program
    memory = plan(program, pools=pools_of(program, MemoryChoice(internal_ram=1100)))
    internal, psram = memory.arenas
    assert (internal.pool.name, psram.pool.name) == (INTERNAL, PSRAM)
    assert 0 < internal.nbytes <= 1100
    assert psram.nbytes > 0
    inside = [block.density for block in memory.blocks if block.arena == 0]
    outside = [block.density for block in memory.blocks if block.arena == 1]
    assert max(inside) > max(outside)
    assert sum(b.density * b.nbytes for b in memory.blocks) == sum(b.traffic for b in memory.blocks)


@pytest.mark.parametrize("number", range(20))
def test_random_programs_fit_small_pools(number):
    """Whatever is left for the last pool, the first ones hold what they can."""
    rng = np.random.default_rng([31, number])
    program = drawn_program(rng, 20)
    for limit in (0, 100, 200, 1000):
        choice = MemoryChoice(internal_ram=limit)
        memory = plan(program, pools=pools_of(program, choice))
        assert memory.fits
        taken = memory.arenas[0].nbytes
        assert taken == 0 or taken + kept_bytes(program, choice) <= limit, f"seed 31, {number}"


def test_older_silicon_of_the_p4_has_two_segments():
    program = library("digits", "esp32p4").program
    pools = pools_of(program, MemoryChoice(), Board(revision="1"))
    assert [pool.name for pool in pools] == [INTERNAL, INTERNAL, PSRAM]
    small = pools_of(program, MemoryChoice(internal_ram=1000), Board(revision="1"))
    assert sum(pool.limit for pool in small if pool.name == INTERNAL) <= 1000


@pytest.fixture(scope="module")
def mobilenet(models_dir):
    """MobileNetV2 1.0 at 224 x 224, as Espressif publishes it for the S3."""
    return compile_espdl(load(models_dir / "espdl" / MOBILENET), "esp32s3")


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_mobilenet_lies_in_internal_ram_and_psram(chip, mobilenet):
    program = dataclasses.replace(mobilenet.program, chip=CHIPS[chip])
    memory = plan(program, pools=pools_of(program, MemoryChoice()))
    check_fit(program, memory, 3_500_000, MemoryChoice())
    internal, psram = memory.arenas
    assert internal.nbytes > 0.8 * internal.pool.limit
    assert 1_204_224 <= psram.nbytes <= 1.05 * memory.lower_bound
    accesses = [sum(b.traffic for b in memory.blocks if b.arena == n) for n in (0, 1)]
    assert accesses[0] > accesses[1]


def test_mobilenet_is_refused_for_the_c3_with_numbers(mobilenet):
    program = dataclasses.replace(mobilenet.program, chip=CHIPS["esp32c3"])
    memory = plan(program, pools=pools_of(program, MemoryChoice()))
    with pytest.raises(ModelError) as caught:
        check_fit(program, memory, 3_500_000, MemoryChoice())
    message = str(caught.value)
    assert f"{memory.arena_bytes} bytes for tensors" in message
    assert "255760 bytes of internal RAM, no PSRAM" in message
    assert "esp32s3" in message.partition("try:")[2]


def segmentation(side):
    """A class for each pixel: what leaves is the largest tensor."""
    rng = np.random.default_rng(4)
    builder = QdqBuilder(np.int8)
    x = builder.quantized_input("image", [1, 3, side, side], -5)
    w = builder.weights(rng.integers(-128, 128, (12, 3, 3, 3)).astype(np.int8), -7)
    y = builder.qdq(builder.node("Conv", x, w, pads=[1, 1, 1, 1]), -3)
    builder.output(builder.qdq(builder.node("Relu", y), -3))
    return compile_file(builder.model(), "esp32s3")


@pytest.mark.parametrize(("side", "outside"), [(16, False), (96, True)])
def test_outputs_make_room_for_tensors_where_not_all_fits(side, outside, tmp_path):
    """The buffer of the larger one, 442,368 bytes of floats, is larger than internal RAM."""
    network = segmentation(side)
    network.export_project(tmp_path / "project", kernels="portable")
    main_text = (tmp_path / "project/main/app_main.c").read_text()
    assert ("static EXT_RAM_BSS_ATTR ESPDL_ALIGNED(16) float" in main_text) == outside
    assert ("#error" in main_text) == outside
    file = tmp_path / "project/components/tvm_model/model/metadata.json"
    memory = json.loads(file.read_text())["memory"]
    assert bool(memory["outputs_in_psram"]) == outside
    assert ("outputs of the project's main" in memory_of(tmp_path / "project")) == outside
    assert memory["psram_bytes"] == (4 * 12 * side * side if outside else 0)
    lines = (tmp_path / "project/sdkconfig.defaults.esp32s3").read_text()
    assert ("CONFIG_SPIRAM_ALLOW_BSS_SEG_EXTERNAL_MEMORY=y" in lines) == outside
    build_project(tmp_path / "project", tmp_path / "program", Compiler.host())
    assert "PASS" in Compiler.host().run(tmp_path / "program")
    if outside:
        with pytest.raises(ModelError, match="no PSRAM"):
            network.export_project(tmp_path / "none", psram="none")


def test_a_project_says_what_needs_psram(tmp_path):
    library("digits", "esp32s3").export_project(tmp_path / "project", internal_ram=1200)
    tmp_path /= "project"
    lines = (tmp_path / "sdkconfig.defaults.esp32s3").read_text()
    assert "CONFIG_SPIRAM_ALLOW_BSS_SEG_EXTERNAL_MEMORY=y" in lines
    cmake = (tmp_path / "components/tvm_model/CMakeLists.txt").read_text()
    assert "PRIV_REQUIRES esp_psram ${esp_dl}" in cmake
    account = json.loads((tmp_path / "components/tvm_model/model/metadata.json").read_text())
    assert len({block["why"] for block in account["memory"]["blocks"]}) == 3
    told = account_text(account)
    assert "internal RAM: 1,040 of 1,200 bytes for" in told
    assert "in PSRAM: 2,048 bytes, " in told


def test_a_network_that_fits_wants_no_psram():
    files = {
        str(path): text.decode()
        for path, text in project_of(library("digits", "esp32s3")).items()
        if path.suffix != ".bin"
    }
    assert "SPIRAM" not in files["sdkconfig.defaults.esp32s3"]
    assert "EXT_RAM_BSS_ATTR" not in "".join(files.values())


@pytest.mark.parametrize(
    ("chip", "constant_bytes", "choice", "board", "said"),
    [
        ("esp32", 4 << 20, MemoryChoice(), Board(), "4194272 bytes of flash"),
        ("esp32c3", 8 << 20, MemoryChoice(), Board(), "another chip: esp32s3"),
        ("esp32c3", 1000, MemoryChoice(weights="psram"), Board(), "no PSRAM"),
        ("esp32s3", 1000, MemoryChoice(weights="psram"), Board(psram="none"), "a board with PSRAM"),
        ("esp32", 3 << 20, MemoryChoice(0, weights="psram"), Board(), ""),
        ("esp32s2", 4_000_000, MemoryChoice(), Board(), "the chip sees as memory"),
        ("esp32c3", 1000, MemoryChoice(1000), Board(), "try: --internal_ram 4096 or more"),
        ("esp32c3", 1000, MemoryChoice(4096), Board(), ""),
    ],
)
def test_what_does_not_fit_is_refused(chip, constant_bytes, choice, board, said):
    program = dataclasses.replace(library("digits", "esp32").program, chip=CHIPS[chip])
    memory = plan(program, pools=pools_of(program, choice, board))
    if not said:
        check_fit(program, memory, constant_bytes, choice, board)
        return
    with pytest.raises(ModelError, match=re.escape(said)):
        check_fit(program, memory, constant_bytes, choice, board)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((-1, "static", "flash"), "negative"),
        ((1000.5, "static", "flash"), "allowed: an integer from 0 on"),
        (("1000", "static", "flash"), "allowed: an integer from 0 on"),
        ((1000, "caller", "flash"), "without effect"),
        ((None, "heap", "flash"), "static, caller"),
        ((None, "static", "sram"), "flash, psram"),
    ],
)
def test_choices_that_make_no_sense_are_refused(given, said):
    with pytest.raises(DataError, match=said):
        choice_of(*given)


def test_a_number_of_numpy_is_one():
    choice = choice_of(np.int64(2000), "static", "flash")
    assert json.dumps(choice.internal_ram) == "2000"


def test_no_more_internal_ram_than_the_chip_has():
    with pytest.raises(DataError, match="at most 321296 bytes on esp32c3"):
        pools_of(
            dataclasses.replace(library("digits", "esp32").program, chip=CHIPS["esp32c3"]),
            MemoryChoice(internal_ram=400_000),
        )


MAIN = """\
#include "espdl_kernels.h"
#include "tvmgen_default.h"
#include <stdio.h>
static ESPDL_ALIGNED(16) uint8_t memory[TVMGEN_DEFAULT_ARENA_BYTES + 16];
static ESPDL_ALIGNED(16) float in[64], out[10];
int main(void) {{
  struct tvmgen_default_inputs given = {{.{input} = in}};
  struct tvmgen_default_outputs taken = {{.{output} = out}};
  printf("%d ", (int)tvmgen_default_run(&given, &taken));
  printf("%d ", (int)tvmgen_default_set_memory(NULL, sizeof memory));
  printf("%d ", (int)tvmgen_default_set_memory(memory + 1, TVMGEN_DEFAULT_ARENA_BYTES));
  printf("%d ", (int)tvmgen_default_set_memory(memory, TVMGEN_DEFAULT_ARENA_BYTES - 1));
  printf("%d ", (int)tvmgen_default_run(&given, &taken));
  printf("%d ", (int)tvmgen_default_set_memory(memory + 16, TVMGEN_DEFAULT_ARENA_BYTES));
  printf("%d\\n", (int)tvmgen_default_run(&given, &taken));
  return 0;
}}
"""


def test_memory_of_the_callers_is_checked(tmp_path, c_compiler, monkeypatch):
    network = library("digits", "esp32s3")
    project = network.export_project(tmp_path / "project", arena="caller")
    names = re.findall(r" \*(\w+);", next(project.rglob("tvmgen_default.h")).read_text())
    text = MAIN.format(input=names[0], output=names[1])
    (project / "main" / "app_main.c").write_text(text)
    c_compiler.build(
        [*sources(project)],
        tmp_path / "program",
        includes=includes(project),
        defines=["TVM_ESPDL_PORTABLE"],
    )
    assert c_compiler.run(tmp_path / "program").split() == ["-3", "-1", "-2", "-3", "-3", "0", "0"]


def test_export_tells_where_tensors_are_and_refuses_what_has_no_effect(tmp_path, capsys):
    onnx.save(quantized_digits("esp32s3"), tmp_path / "model.onnx")
    model = ["export", "--model_path", str(tmp_path / "model.onnx"), "--out_path"]
    project = str(tmp_path / "project")
    assert main([*model, project, "--internal-ram", "1200"]) == 0
    assert "internal RAM: 1,040 of 1,200 bytes" in capsys.readouterr().out
    file = str(tmp_path / "model.espdl")
    assert main([*model, file, "--format", "espdl", "--internal_ram", "0"]) == 2
    assert "--internal_ram with --format espdl" in capsys.readouterr().err
    assert not (tmp_path / "model.espdl").exists()
