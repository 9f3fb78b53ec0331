"""Builds the C of a whole network, on this PC or for an emulated chip, and runs it on many inputs.

The project's own files are used as they are, but for its main: this one reads inputs from a file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from ..codegen.header import PREFIX
from ..codegen.identifiers import identifiers
from ..codegen.literals import c_type
from ..codegen.project import project_files
from ..ops.base.rounding import Array
from ..program import Program
from .compiler import Compiler

PORTABLE = "TVM_ESPDL_PORTABLE"


def build_project(
    folder: Path,
    program: Path,
    compiler: Compiler,
    *,
    main: Path | None = None,
    defines: Sequence[str] = (),
) -> None:
    """Compile the project written in `folder` into one `program`.

    `main` may take the place of its `main/app_main.c`; `defines` are further macros, for example
    `TVM_ESPDL_DUMP`.

    Raises
    ------
    ToolError
        If the compiler is missing or finds fault with a source.
    """
    model = folder / "components" / "tvm_model"
    generated = model / "model" / "codegen" / "host"
    includes = [
        *(folder / "main", model / "crt_config", model / "model" / "runtime"),
        *(generated / "include", generated / "src"),
    ]
    sources = [*sorted(model.rglob("*.c")), main or folder / "main" / "app_main.c"]
    compiler.build(sources, program, includes=includes, defines=(PORTABLE, *defines))


def run_network(
    network: Program,
    samples: Sequence[Sequence[Array]],
    compiler: Compiler | None = None,
    *,
    resets: Collection[int] = (),
) -> list[list[Array]]:
    """The outputs of a network's C for each sample in turn: states go on from each to the next.

    Parameters
    ----------
    samples : sequence of sequence of numpy.ndarray
        For each sample its inputs, in the network's own types.
    compiler : Compiler, optional
        GCC of this PC by default.
    resets : collection of int
        Samples before which a network with states returns to its start.

    Raises
    ------
    ToolError
        If compiler or emulator are missing or fail.
    """
    unused = [
        [np.zeros(t.shape, t.dtype) for t in map(network.values.__getitem__, names)]
        for names in (network.inputs, network.outputs)
    ]
    files = project_files(network, "network", *unused)
    files[Path("runner.c")] = _runner(network, len(samples), resets).encode()
    chosen, per_sample = compiler or Compiler.host(), len(network.outputs)

    def build(folder: Path, program: Path) -> None:
        build_project(folder, program, chosen, main=folder / "runner.c")

    inputs = (array for sample in samples for array in sample)
    types = [network.values[name] for name in network.outputs]
    results = chosen.run_on(files, build, inputs, types * len(samples))
    return [results[first : first + per_sample] for first in range(0, len(results), per_sample)]


def _runner(network: Program, samples: int, resets: Collection[int]) -> str:
    inputs, outputs = identifiers(network.input_names), identifiers(network.output_names)
    in_types = [network.values[name] for name in network.inputs]
    out_types = [network.values[name] for name in network.outputs]
    buffers = [
        f"static {c_type(tensor.dtype)} {kind}_{name}[{tensor.size}];"
        for kind, names, tensors in (("in", inputs, in_types), ("out", outputs, out_types))
        for name, tensor in zip(names, tensors, strict=True)
    ]
    moves = [
        " || ".join(
            f"{function}({kind}_{name}, 1, {tensor.nbytes}, {file}) != {tensor.nbytes}"
            for name, tensor in zip(names, tensors, strict=True)
        )
        for function, kind, file, names, tensors in (
            ("fread", "in", "from", inputs, in_types),
            ("fwrite", "out", "to", outputs, out_types),
        )
    ]
    given = ", ".join(f".{name} = in_{name}" for name in inputs)
    taken = ", ".join(f".{name} = out_{name}" for name in outputs)
    return f"""\
#include "tvmgen_default.h"

#include <stdio.h>

{chr(10).join(buffers)}

int main(void) {{
  FILE *const from = fopen("inputs.bin", "rb");
  FILE *const to = fopen("outputs.bin", "wb");
  if (from == NULL || to == NULL) {{
    return 1;
  }}
  struct {PREFIX}_inputs given = {{{given}}};
  struct {PREFIX}_outputs taken = {{{taken}}};
  for (int sample = 0; sample < {samples}; ++sample) {{
{_reset(resets)}
    if ({moves[0]} || {PREFIX}_run(&given, &taken) != 0 || {moves[1]}) {{
      return 2;
    }}
  }}
  return fclose(to) != 0;
}}
"""


def _reset(resets: Collection[int]) -> str:
    when = " || ".join(f"sample == {index}" for index in sorted(resets))
    return f"    if ({when}) {{\n      {PREFIX}_reset();\n    }}" if resets else ""
