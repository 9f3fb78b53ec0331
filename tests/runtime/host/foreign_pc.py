"""Runs compiled functions on an emulated PC of another kind, with a program in TVM's place.

The object files are those of a library that `export_library` would link; `foreign_main.c` is linked
with them, and calls the functions by TVM's own convention.
"""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import tvm_ffi

MAIN = Path(__file__).with_name("foreign_main.c")


@dataclass(frozen=True, eq=False)
class Call:
    """A function of a module, its inputs, and the types of its results."""

    symbol: str
    inputs: tuple
    outputs: tuple


def run_calls(compiler, module, calls):
    """The results of each call.

    Parameters
    ----------
    compiler : Compiler
        With the emulator of its programs.
    module : tvm.runtime.Module
        Compiled for that kind of PC.
    """
    results = [tensor for call in calls for tensor in call.outputs]
    files = {Path("main.c"): MAIN.read_bytes(), Path("cases.h"): _cases(calls).encode()}

    def build(folder, program):
        objects = []
        for n, part in enumerate((module, *module.imports)):
            part.write_to_file(str(folder / f"module_{n}.o"))
            objects.append(folder / f"module_{n}.o")
        includes = [folder, *tvm_ffi.libinfo.include_paths()]
        compiler.build([folder / "main.c", *objects], program, includes=includes)

    inputs = [array for call in calls for array in call.inputs]
    arrays = iter(compiler.run_on(files, build, inputs, results))
    return [[next(arrays) for _ in call.outputs] for call in calls]


def _cases(calls):
    """The tables of `foreign_main.c`."""
    symbols = dict.fromkeys(call.symbol for call in calls)
    types = "void *, const TVMFFIAny *, int32_t, TVMFFIAny *"
    lines = [f"int __tvm_ffi_{name}({types});" for name in symbols]
    tensors, rows = [], []
    for call in calls:
        rows.append(
            f"{{__tvm_ffi_{call.symbol}, {len(tensors)}, {len(call.inputs)}, {len(call.outputs)}}}"
        )
        tensors += [_tensor(str(t.dtype), t.shape) for t in chain(call.inputs, call.outputs)]
    lines += ["static const struct tensor tensors[] = {", *(f"{t}," for t in tensors), "};"]
    lines += ["static const struct call calls[] = {", *(f"{row}," for row in rows), "};"]
    return "\n".join(lines) + "\n"


def _tensor(dtype, shape):
    found = tvm_ffi.dtype(dtype)
    extents = ", ".join(map(str, shape)) or 0
    return f"{{{{{found.type_code}, {found.bits}, 1}}, {len(shape)}, {{{extents}}}}}"
