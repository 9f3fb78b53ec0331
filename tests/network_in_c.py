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
from tvm_espdl.program.border.formats import as_border
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
    real=False,
    tasks=False,
    memory=DEFAULT_CHOICE,
):
    """Run a network's C on every sample, one after the other: states go on from each to the next.

    Parameters
    ----------
    network : Program or Border
        The network.
    samples : sequence of sequence of numpy.ndarray
        For each sample its inputs, in the types that firmware exchanges.
    compiler : Compiler, optional
        GCC of this PC by default.
    resets : collection of int
        Samples before which a network with states returns to its start.
    first : sequence of numpy.ndarray, optional
        The outputs for the first sample, in the model's own form. The project's own main then runs
        before all else, on that sample, and has to print PASS.
    kernels : str
        `portable`, or with what stands in for ESP-DL: `auto` where the table says so, `esp-dl` on
        chips without vectors as well.
    real : bool
        Give and take the model's floats, and let the interface's functions convert.
    tasks : bool
        Let two tasks run the network in turn.
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
    border = as_border(network)
    network = border.program
    outputs = [np.zeros(port.model.shape, port.model.dtype) for port in border.outputs]
    shown = (border.in_model_form(None), outputs) if first is None else (samples[0], first)
    with tempfile.TemporaryDirectory(prefix="tvm_espdl_") as name:
        folder = Path(name)
        preference = "auto" if kernels == "portable" else kernels
        files = project_files(border, "network", *shown, preference, memory=memory)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        main, program = folder / "runner.c", folder / "program"
        main.write_text(
            _runner(border, len(samples), resets, first is not None, real=real, tasks=tasks)
        )
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
    return _split([p.model if real else p.own for p in border.outputs], results, len(samples))


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


def _split(tensors, results, samples):
    outputs = []
    offset = 0
    for _ in range(samples):
        outputs.append([])
        for tensor in tensors:
            values = np.frombuffer(results, tensor.dtype, tensor.size, offset)
            outputs[-1].append(values.reshape(tensor.shape))
            offset += tensor.nbytes
    return outputs


class _Side:
    """Inputs or outputs in the runner: buffers as the header says, the file's values, conversions.

    Where firmware exchanges integers, `real` ones stand in the file as floats.
    """

    def __init__(self, kind, ports, function, *, real):
        names = identifiers(port.name for port in ports)
        short = kind.removesuffix("put")
        self.members = ", ".join(f".{name} = {short}_{name}" for name in names)
        self.buffers, self.filed, self.conversions = [], [], ""
        for name, port in zip(names, ports, strict=True):
            size = f"TVMGEN_DEFAULT_{kind.upper()}_{name.upper()}_BYTES"
            of_type = c_type(port.own.dtype)
            count = f"({size} + sizeof({of_type}) - 1) / sizeof({of_type})"
            self.buffers.append(f"static ESPDL_ALIGNED(16) {of_type} {short}_{name}[{count}];")
            if not (real and port.is_quantized):
                self.filed.append((f"{short}_{name}", port.own.nbytes))
                continue
            self.buffers.append(f"static float real_{short}_{name}[{port.model.size}];")
            self.filed.append((f"real_{short}_{name}", port.model.nbytes))
            pair = [f"real_{short}_{name}", f"{short}_{name}"][:: 1 if short == "in" else -1]
            ending = "" if len(ports) == 1 else f"_{name}"
            self.conversions += f"  {PREFIX}_{function}{ending}({', '.join(pair)});\n"

    def moved(self, function, file):
        """Whether a call for any of the values fails."""
        calls = (f"{function}({name}, 1, {size}, {file}) != {size}" for name, size in self.filed)
        return " || ".join(calls)


def _runner(border, samples, resets, own_main, *, real, tasks):
    given = _Side("input", border.inputs, "quantize_input", real=real)
    taken = _Side("output", border.outputs, "dequantize_output", real=real)
    return f"""\
{OWN_MAIN if own_main else ""}
#include "espdl_kernels.h"
#include "tvmgen_default.h"

#include <stdio.h>
{"#include <threads.h>" if tasks else ""}

{chr(10).join([*given.buffers, *taken.buffers])}
static FILE *from, *to;

static int run_sample(void *unused) {{
  struct {PREFIX}_inputs given = {{{given.members}}};
  struct {PREFIX}_outputs taken = {{{taken.members}}};
  (void)unused;
  if ({given.moved("fread", "from")}) {{
    return 4;
  }}
{given.conversions}  if ({PREFIX}_run(&given, &taken) != 0) {{
    return 5;
  }}
{taken.conversions}  return ({taken.moved("fwrite", "to")}) ? 2 : 0;
}}

int main(void) {{
  if ({"projects_main()" if own_main else "0"} != 0) {{
    return 3;
  }}
  from = fopen("inputs.bin", "rb");
  to = fopen("outputs.bin", "wb");
  if (from == NULL || to == NULL) {{
    return 1;
  }}
  for (int sample = 0; sample < {samples}; ++sample) {{
    int failed = 0;
{_reset(resets)}
{ANOTHER_TASK if tasks else ""}    failed = failed ? failed : run_sample(NULL);
    if (failed) {{
      return failed;
    }}
  }}
  return fclose(to) != 0;
}}
"""


# Every second sample is another task's.
ANOTHER_TASK = """\
    if (sample % 2 != 0) {
      thrd_t task;
      if (thrd_create(&task, run_sample, NULL) != thrd_success) {
        return 6;
      }
      if (thrd_join(task, &failed) != thrd_success || failed != 0) {
        return 7;
      }
      continue;
    }
"""
OWN_MAIN = """\
#define main projects_main
#include "app_main.c"
#undef main
"""


def _reset(resets):
    when = " || ".join(f"sample == {index}" for index in sorted(resets))
    return f"    if ({when}) {{\n      {PREFIX}_reset();\n    }}" if resets else ""
