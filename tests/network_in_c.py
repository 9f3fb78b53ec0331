"""Runs the C of a whole network, on this PC or for an emulated chip, on many inputs.

The project's own files are used as they are; a main around its own one reads inputs from a file.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from espdl_double import compile_one, double_sources

from tvm_espdl.codegen.identifiers import identifiers
from tvm_espdl.codegen.literals import c_type
from tvm_espdl.codegen.memory_choice import DEFAULT_CHOICE
from tvm_espdl.codegen.network_name import NetworkName
from tvm_espdl.codegen.project import project_files
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import MODEL, build_project, includes, sources

PREFIX = NetworkName().prefix


def run_network(
    network,
    samples,
    compiler=None,
    *,
    resets=(),
    first=None,
    kernels="portable",
    memory=DEFAULT_CHOICE,
):
    """Run a network's C on every sample, one after the other: states go on from each to the next.

    Parameters
    ----------
    network : Program
        The network.
    samples : sequence of sequence of numpy.ndarray
        For each sample its inputs, in the network's own types.
    compiler : Compiler, optional
        GCC of this PC by default.
    resets : collection of int
        Samples before which a network with states returns to its start.
    first : sequence of numpy.ndarray, optional
        The outputs for the first sample. The project's own main then runs before all else, on that
        sample, and has to print PASS.
    kernels : str
        `portable`, or with what stands in for ESP-DL: `auto` where the table says so, `esp-dl` on
        chips without vectors as well.
    memory : MemoryChoice
        Where tensors and constants lie; with memory of the caller's, the project's own main has to
        run first, which gives it.

    Returns
    -------
    list of list of numpy.ndarray
        For each sample its outputs.

    Raises
    ------
    ToolError
        If compiler or emulator are missing or fail.
    """
    zeros = [
        [np.zeros(t.shape, t.dtype) for t in map(network.values.__getitem__, names)]
        for names in (network.inputs, network.outputs)
    ]
    shown = zeros if first is None else (samples[0], first)
    with tempfile.TemporaryDirectory(prefix="tvm_espdl_") as name:
        folder = Path(name)
        preference = "auto" if kernels == "portable" else kernels
        for path, content in project_files(
            network, "network", *shown, preference, memory=memory
        ).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        main, program = folder / "runner.c", folder / "program"
        main.write_text(_runner(network, len(samples), resets, first is not None))
        chosen = compiler or Compiler.host()
        if kernels == "portable":
            build_project(folder, program, chosen, main=main)
        else:
            build_with_double(folder, program, chosen, main, network.chip.family)
        with (folder / "inputs.bin").open("wb") as file:
            for sample in samples:
                file.writelines(np.ascontiguousarray(array).tobytes() for array in sample)
        printed = chosen.run(program)
        if first is not None:
            lines = printed.splitlines()
            exact = [line for line in lines if line.endswith("elements equal bit for bit")]
            assert (len(exact), lines[-1]) == (len(network.outputs), "PASS"), printed
        results = (folder / "outputs.bin").read_bytes()
    return _split(network, results, len(samples))


def build_with_double(folder, program, compiler, main, family):
    """Compile the project written in `folder` with the double in ESP-DL's place."""
    *network, _ = sources(folder)
    runtime = folder / MODEL / "model" / "runtime"
    glue = sorted(runtime.glob("*.cpp"))
    assert glue, "the project calls nothing of ESP-DL's"
    for source in glue:
        compile_one(family, source, source.with_suffix(".o"), includes=[runtime])
    objects = [*(source.with_suffix(".o") for source in glue), *double_objects(family)]
    compiler.build([*network, main, *objects], program, includes=includes(folder))


@cache
def double_objects(family):
    """The objects of the double for a family, compiled once."""
    folder = Path(tempfile.mkdtemp(prefix="tvm_espdl_double_"))
    atexit.register(shutil.rmtree, folder)
    made = [folder / f"{source.stem}.o" for source in double_sources()]
    for source, target in zip(double_sources(), made, strict=True):
        compile_one(family, source, target)
    return made


def _split(network, results, samples):
    outputs = []
    offset = 0
    for _ in range(samples):
        outputs.append([])
        for name in network.outputs:
            tensor = network.values[name]
            values = np.frombuffer(results, tensor.dtype, tensor.size, offset)
            outputs[-1].append(values.reshape(tensor.shape))
            offset += tensor.nbytes
    return outputs


def _runner(network, samples, resets, own_main):
    inputs, outputs = identifiers(network.input_names), identifiers(network.output_names)
    in_types = [network.values[name] for name in network.inputs]
    out_types = [network.values[name] for name in network.outputs]
    buffers = [
        f"static ESPDL_ALIGNED(16) {c_type(tensor.dtype)} {kind}_{name}[{tensor.size}];"
        for kind, names, tensors in (
            ("in", inputs, in_types),
            ("out", outputs, out_types),
        )
        for name, tensor in zip(names, tensors, strict=True)
    ]
    reads = [
        f"fread(in_{name}, 1, {tensor.nbytes}, from) != {tensor.nbytes}"
        for name, tensor in zip(inputs, in_types, strict=True)
    ]
    writes = [
        f"fwrite(out_{name}, 1, {tensor.nbytes}, to) != {tensor.nbytes}"
        for name, tensor in zip(outputs, out_types, strict=True)
    ]
    given = ", ".join(f".{name} = in_{name}" for name in inputs)
    taken = ", ".join(f".{name} = out_{name}" for name in outputs)
    return f"""\
{OWN_MAIN if own_main else ""}
#include "espdl_kernels.h"
#include "tvmgen_default.h"

#include <stdio.h>

{chr(10).join(buffers)}

int main(void) {{
  if ({"projects_main()" if own_main else "0"} != 0) {{
    return 3;
  }}
  FILE *const from = fopen("inputs.bin", "rb");
  FILE *const to = fopen("outputs.bin", "wb");
  if (from == NULL || to == NULL) {{
    return 1;
  }}
  struct {PREFIX}_inputs given = {{{given}}};
  struct {PREFIX}_outputs taken = {{{taken}}};
  for (int sample = 0; sample < {samples}; ++sample) {{
{_reset(resets)}
    if ({" || ".join(reads)} || {PREFIX}_run(&given, &taken) != 0 || {" || ".join(writes)}) {{
      return 2;
    }}
  }}
  return fclose(to) != 0;
}}
"""


OWN_MAIN = """\
#define main projects_main
#include "app_main.c"
#undef main
"""


def _reset(resets):
    when = " || ".join(f"sample == {index}" for index in sorted(resets))
    return f"    if ({when}) {{\n      {PREFIX}_reset();\n    }}" if resets else ""
