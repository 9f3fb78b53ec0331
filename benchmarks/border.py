"""What the border of a network costs: floats, integers and pixels in, on an emulated RISC-V.

For each network, the instructions of one run, those that `native` saves, and bytes of the buffers
that the application holds and of the arena. The C is that of a project with portable kernels.

    python benchmarks/border.py [folder of float models]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from portable_kernels import PREFIX, machine, quantized

from tvm_espdl.codegen.identifiers import identifiers
from tvm_espdl.codegen.literals import c_type
from tvm_espdl.compilation import compile_file
from tvm_espdl.program.border.formats import border_of
from tvm_espdl.program.memory import plan
from tvm_espdl.program.passes.native_border import integers_of_output
from tvm_espdl.toolchain.network import build_project

NETWORKS = ("resnet8_32", "mobilenetv2_035_96", "yolo_nano_96")
CHIP, MACHINE = "esp32c3", "rv32imc"

MAIN = """\
#include "{prefix}.h"
#include "input_data.h"
#include <stdio.h>

{buffers}

int main(void) {{
  struct {prefix}_inputs in = {{{given}}};
  struct {prefix}_outputs out = {{{taken}}};
  uint32_t before, after;
  __asm__ volatile("{read}" : "=r"(before) : : "memory");
  const int32_t failed = {prefix}_run(&in, &out);
  __asm__ volatile("{read}" : "=r"(after) : : "memory");
  printf("%lu\\n", (unsigned long)(uint32_t)(after - before));
  return (int)failed;
}}
"""


def main_of(border, compiler):
    """A main that counts one run on the sample of the project."""
    names_in = identifiers(port.name for port in border.inputs)
    names_out = identifiers(port.name for port in border.outputs)
    buffers = [
        f"static ESPDL_ALIGNED(16) {c_type(port.own.dtype)} out_{name}[{port.own.size}];"
        for name, port in zip(names_out, border.outputs, strict=True)
    ]
    return MAIN.format(
        prefix=PREFIX,
        buffers="\n".join(buffers),
        given=", ".join(f".{name} = input_data_{name}" for name in names_in),
        taken=", ".join(f".{name} = out_{name}" for name in names_out),
        read=compiler.counter.read,
    )


def measured(library, sample, formats):
    """Instructions of a run, bytes of the caller's buffers, bytes of the arena."""
    compiler, border = machine(MACHINE), border_of(library.program, *formats)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library.export_project(
            folder / "p",
            sample,
            kernels="portable",
            input_format=formats[0],
            output_format=formats[1],
        )
        (folder / "main.c").write_text(main_of(border, compiler))
        build_project(folder / "p", folder / "program", compiler, main=folder / "main.c")
        count = round(int(compiler.run(folder / "program")) / compiler.counter.per_instruction)
    ports = (*border.inputs, *border.outputs)
    return count, sum(port.own.nbytes for port in ports), plan(border.program).arena_bytes


def main(folder):
    print("network               input   output  instructions     saved  buffers    arena")
    for name in NETWORKS:
        model, sample = quantized(folder / f"{name}.onnx", CHIP)
        library = compile_file(model, CHIP)
        program = library.program
        outputs = {
            name_out: "native"
            for name_out, value in zip(program.output_names, program.outputs, strict=True)
            if integers_of_output(program, value) is not None
        }
        (_, channels, *size) = sample.shape
        pixels = np.random.default_rng(1).integers(0, 256, (1, *size, channels)).astype(np.uint8)
        kinds = (
            ("float", {}, sample),
            ("native", {}, sample),
            ("native", outputs, sample),
            ("uint8", outputs, pixels),
        )
        first = None
        for given, taken, data in kinds:
            count, buffers, arena = measured(library, data, (given, taken))
            first = first or count
            shown = "native" if taken else "float"
            print(
                f"{name:20}  {given:6}  {shown:6}  {count:12,}  {first - count:8,}"
                f"  {buffers:7,}  {arena:7,}",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/models/float"))
