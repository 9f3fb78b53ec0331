"""Memory of networks: arenas against the bound and against a greedy plan, and linked sections.

Float models are quantized to int8 for the chip; `.espdl` files are taken as they are, for the chip
that they say, else that of the argument. For each network:

* tensors' bytes: the arena, the bound (what lives at once in the fullest step, with all that may
  share bytes: no plan of these views needs less), and their ratio;
* a peer: the plan of this package's first release, which shares whole blocks (reshapes, results in
  place) and puts the largest first, each as low as it goes;
* how many steps need not run, being views, and how many parts of joined channels are computed
  where they belong;
* where the chip's default pools put the tensors: internal RAM and PSRAM;
* what the network takes of a linked RV32 image (`--gc-sections`, portable kernels, an input and an
  output in it, C library included): flash (.text, .rodata, .data) and RAM (.data, .bss).

Run: `OMP_NUM_THREADS=1 python benchmarks/memory.py [--chip esp32p4] [--no-image] FILE ...`, float
models with `<name>.calib.npz` beside them (random inputs where absent), or `.espdl` files.
"""

import argparse
import dataclasses
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
from portable_kernels import SMALL, section_sizes

from tvm_espdl.chips import find_chip
from tvm_espdl.codegen.cut import cut_before
from tvm_espdl.codegen.memory_choice import PSRAM, MemoryChoice, pools_of
from tvm_espdl.codegen.native import lower_native
from tvm_espdl.codegen.project import project_files
from tvm_espdl.compilation import compile_espdl, compile_file
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.evidence import find
from tvm_espdl.ops.base.ccall import Needs
from tvm_espdl.ops.reshape import Reshape
from tvm_espdl.program import Native
from tvm_espdl.program.kernels import kernel_of_step
from tvm_espdl.program.memory import plan
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

ALIGNMENT = 16


def greedy_bytes(program, needs):
    """The arena of the peer."""
    outside = {*program.inputs, *program.constants, *program.outputs}
    outside |= {name for state in program.states for name in (state.value, state.next)}
    last = {}
    for at, step in enumerate(program.steps):
        last |= dict.fromkeys(step.inputs, at)
    blocks, of_value = [], {}  # a block: bytes, first step, last one
    for at, step in enumerate(program.steps):
        need = needs.get(at)
        if need is not None and need.workspace_bytes:
            blocks.append([rounded(need.workspace_bytes), at, at])
        for name in step.outputs:
            if name in outside:
                continue
            held = [of_value.get(value) for value in step.inputs]
            dying = [held[n] for n in (need.in_place if need is not None else ())]
            free = [b for b in dying if b is not None and b[2] == at and held.count(b) == 1]
            shared = held[0] if isinstance(step.operator, Reshape) else next(iter(free), None)
            if shared is None:
                shared = [rounded(program.values[name].nbytes), at, at]
                blocks.append(shared)
            shared[2] = max(shared[2], last.get(name, at))
            of_value[name] = shared
    placed = []
    for size, first, end in sorted(blocks, key=lambda block: (-block[0], block[1])):
        begin = 0
        for low, high in sorted((p[0], p[1]) for p in placed if p[2] <= end and first <= p[3]):
            if low - begin >= size:
                break
            begin = max(begin, high)
        placed.append((begin, begin + size, first, end))
    spare = max((need.over_read for need in needs.values()), default=0)
    return max((p[1] for p in placed), default=0) + spare


def needs_of(program):
    """What the kernels of a project ask of memory."""
    found = {}
    for at, step in enumerate(program.steps):
        if isinstance(step.operator, Native):
            function = lower_native(step.operator, "f", cut_before(program, step))
            found[at] = Needs(function.workspace_bytes)
            continue
        found[at] = step.operator.needs(program.chip)
        if kernel_of_step(step, program.chip) != "esp-dl":
            found[at] = dataclasses.replace(found[at], over_read=0, alignment=1)
    return found


def rounded(nbytes):
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def compiled(path, chip):
    """The library of a file."""
    if path.suffix == ".espdl":
        file = load(path)
        return compile_espdl(file, (find(file).chip or find_chip(chip)).name)
    beside = path.with_suffix(".calib.npz")
    if beside.is_file():
        with np.load(beside) as stored:
            samples = stored[stored.files[0]][:8]
    else:
        kind = onnx.load(path).graph.input[0].type.tensor_type
        shape = [axis.dim_value for axis in kind.shape.dim]
        samples = np.random.default_rng(1).normal(size=(8, *shape[1:])).astype(np.float32)
    options = {"measure": False, "recover": ()}
    return compile_file(quantize_onnx(preprocess_onnx(path), samples, chip, **options).model)


def image(program):
    """Flash and RAM of a linked program, in bytes."""
    inputs, outputs = (
        [np.zeros(program.values[name].shape, program.values[name].dtype) for name in names]
        for names in (program.inputs, program.outputs)
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        choice = MemoryChoice(arena="caller")  # which every chip has room for
        for path, content in project_files(
            program, "network", inputs, outputs, "portable", memory=choice
        ).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        build_project(folder, folder / "program", Compiler.rv32().with_flags(*SMALL))
        sizes = section_sizes((folder / "program.map").read_text())
    return sizes["text"] + sizes["rodata"] + sizes["data"], sizes["data"] + sizes["bss"]


def row(path, chip, *, with_image):
    program = compiled(path, chip).program
    needs = needs_of(program)
    whole = plan(program, needs)
    pooled = plan(program, needs, pools=pools_of(program, MemoryChoice()))
    outside = sum(a.nbytes for a in pooled.arenas if a.pool.name == PSRAM)
    ratio = whole.arena_bytes / max(whole.lower_bound, 1)
    cells = [
        f"{path.stem[-36:]:36} {program.chip.name:8} {len(program.steps):5}",
        f"{whole.arena_bytes:9} {whole.lower_bound:9} {ratio:6.3f}",
        f"{greedy_bytes(program, needs):9} {len(whole.views):5} {len(whole.pitches):6}",
        f"{pooled.arena_bytes - outside:9} {outside:9}" + ("" if pooled.fits else " does not fit"),
    ]
    if with_image:
        try:
            flash, ram = image(program)
            cells.append(f"{flash:9} {ram:9}")
        except ModelError as error:
            cells.append(str(error)[:60])
    print(" ".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--chip", default="esp32p4")
    parser.add_argument("--no-image", action="store_true")
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore", EspdlWarning)  # products that wrap, as on the chip
    print(
        f"{'network':36} {'chip':8} {'steps':>5} {'arena':>9} {'bound':>9} {'ratio':>6} "
        f"{'greedy':>9} {'views':>5} {'joined':>6} {'internal':>9} {'PSRAM':>9} "
        f"{'flash':>9} {'RAM':>9}"
    )
    for path in given.files:
        row(path, given.chip, with_image=not given.no_image)


if __name__ == "__main__":
    main()
