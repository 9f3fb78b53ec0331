"""Espressif's published networks on this PC: the host library against two peers, in one run.

There is no ONNX of them, and so no onnxruntime to compare with. The peers are the portable C that
an exported project carries, built with GCC's -O2, and the operators' NumPy references. Prints
milliseconds, and how many times as fast the host library is; one thread each.
Run: `OMP_NUM_THREADS=1 python benchmarks/zoo_inference.py FOLDER`, a folder of `.espdl` files.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from timing import alternating

from tvm_espdl.chips import find_chip
from tvm_espdl.codegen.identifiers import identifiers
from tvm_espdl.codegen.literals import c_type
from tvm_espdl.codegen.network_name import NetworkName
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.espdl import load
from tvm_espdl.espdl.evidence import find
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.program import reference
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import build_project

PREFIX = NetworkName().prefix
SECONDS = 1.0


def inputs_of(file):
    """The stored inputs, else random ones."""
    stored = {t.name: t.array().astype(t.dtype) for t in file.model.graph.test_inputs}
    source = np.random.default_rng(1)
    return {
        value.name: stored.get(
            value.name, source.integers(-99, 99, value.shape).astype(value.dtype)
        )
        for value in file.model.graph.inputs
    }


def host(library, inputs):
    arrays = [inputs[name] for name in library.input_names]
    return alternating({"host": lambda: library.run(arrays)}, SECONDS)["host"][1]


def portable_c(library):
    """Clocked by the program itself; its inputs are zeros, which are multiplied like all others."""
    program = library.program
    names = {"in": identifiers(program.input_names), "out": identifiers(program.output_names)}
    values = {"in": program.inputs, "out": program.outputs}
    buffers = "\n".join(
        f"static {c_type(program.values[value].dtype)} {kind}_{name}[{program.values[value].size}];"
        for kind in names
        for name, value in zip(names[kind], values[kind], strict=True)
    )
    given, taken = (", ".join(f".{n} = {kind}_{n}" for n in names[kind]) for kind in names)
    text = f"""\
#include "tvmgen_default.h"
#include <stdio.h>
#include <time.h>
{buffers}
int main(void) {{
  struct {PREFIX}_inputs given = {{{given}}};
  struct {PREFIX}_outputs taken = {{{taken}}};
  const clock_t begin = clock();
  int runs = 0;
  while (clock() - begin < CLOCKS_PER_SEC || runs < 2) {{
    {PREFIX}_run(&given, &taken);
    ++runs;
  }}
  printf("%f\\n", (double)(clock() - begin) * 1000.0 / CLOCKS_PER_SEC / runs);
  return 0;
}}
"""
    with tempfile.TemporaryDirectory() as name:
        folder, main = Path(name) / "project", Path(name) / "main.c"
        library.export_project(folder)
        main.write_text(text)
        build_project(folder, Path(name) / "program", Compiler.host(), main=main)
        done = subprocess.run(
            [str(Path(name) / "program")], capture_output=True, text=True, check=True
        )
    return float(done.stdout)


def measure(path):
    file = load(path)
    chip = find(file).chip or find_chip("esp32p4" if "p4" in path.name else "esp32s3")
    library, program, inputs = (
        compile_espdl(file, chip.name),
        program_of(file, chip),
        inputs_of(file),
    )
    ours, theirs = host(library, inputs), portable_c(library)
    plain = alternating({"NumPy": lambda: reference.run(program, inputs)}, SECONDS, 1)["NumPy"][1]
    ratios = f"{theirs / ours:8.1f} {plain / ours:8.1f}"
    print(f"{path.stem[-44:]:44} {ours:9.3f} {theirs:9.3f} {plain:10.1f} {ratios}", flush=True)


def main(folder):
    titles = f"{'host ms':>9} {'C ms':>9} {'NumPy ms':>10} {'C/host':>8} {'NumPy/host':>8}"
    print(f"{'network':44} {titles}")
    warnings.simplefilter("ignore", EspdlWarning)  # products that wrap, as on the chip
    for path in sorted(Path(folder).glob("*.espdl")):
        measure(path)


if __name__ == "__main__":
    main(sys.argv[1])
