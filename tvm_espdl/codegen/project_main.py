"""Writes the project's `main`: it runs the network on compiled-in data and checks every output."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from ..ops import Tensor
from ..ops.base.rounding import Array
from ..program import Program
from ..program.border.ports import Border
from ..program.memory import Plan
from .arenas import giving_memory, own_memory, psram_attribute
from .filling import filled
from .header import NOTICE
from .identifiers import identifiers, string
from .literals import array_definition, c_type
from .network_name import NetworkName
from .sources import Sources

#: How often the network is run to measure its time.
TIMED_RUNS = 11


def main_files(
    border: Border, sources: Sources, inputs: Sequence[Array], outputs: Sequence[Array]
) -> dict[Path, str]:
    """The files of the folder `main`, by their path in the project.

    The network is run with `inputs`, and `outputs` have to come out, in the forms that firmware
    exchanges.
    """
    memory, name = sources.plan, sources.name
    outside = sources.memory.psram_outputs
    return {
        Path("main/app_main.c"): _app_main(border.program, memory, name, outside),
        Path("main/input_data.h"): _data_header("input", border.program, inputs, memory, name),
        Path("main/output_data.h"): _data_header("output", border.program, outputs, memory, name),
        Path("main/CMakeLists.txt"): filled("main_CMakeLists.txt", component=name.component.name),
    }


def _data_header(
    kind: str, program: Program, arrays: Sequence[Array], memory: Plan, network: NetworkName
) -> str:
    given = kind == "input"
    names = program.input_names if given else program.output_names
    values = program.inputs if given else program.outputs
    definitions = [
        array_definition(f"{kind}_data_{name}", array, memory.over_reads.get(v, 0) if given else 0)
        for name, v, array in zip(identifiers(names), values, arrays, strict=True)
    ]
    guard = f"{network.macro}_{kind.upper()}_DATA_H"
    head = f'#ifndef {guard}\n#define {guard}\n\n#include "espdl_kernels.h"\n#include <math.h>\n'
    return NOTICE + network.own("\n".join([head, *definitions, "#endif", ""]))


def _app_main(
    program: Program, memory: Plan, network: NetworkName, outside: Collection[str]
) -> str:
    inputs, outputs = identifiers(program.input_names), identifiers(program.output_names)
    tensors = [program.values[name] for name in program.outputs]
    attribute = [psram_attribute("outputs")] if outside else []
    buffers = [
        f"static {'EXT_RAM_BSS_ATTR ' if value in outside else ''}"
        f"{network.own('ESPDL_ALIGNED')}(16) {c_type(tensor.dtype)} "
        f"actual_{name}[{_elements(value, tensor, memory)}];"
        for name, value, tensor in zip(outputs, program.outputs, tensors, strict=True)
    ]
    prefix = network.prefix
    given = ", ".join(f".{name} = input_data_{name}" for name in inputs)
    taken = ", ".join(f".{name} = actual_{name}" for name in outputs)
    run = (
        f"  struct {prefix}_inputs in = {{{given}}};\n"
        f"  struct {prefix}_outputs out = {{{taken}}};\n"
        f"  return {prefix}_run(&in, &out);"
    )
    checks = [
        _check(name, shown, tensor)
        for name, shown, tensor in zip(outputs, program.output_names, tensors, strict=True)
    ]
    real = [tensor.dtype == "float32" for tensor in tensors]
    return filled(
        "app_main.c",
        config=network.own("crt_config.h"),
        header=f"{prefix}.h",
        model_id=f"{network.macro}_MODEL_ID",
        buffers="\n".join([*attribute, *buffers, "", *own_memory(memory, network)]),
        integers="" if all(real) else filled("app_main_integers.c"),
        floats=filled("app_main_floats.c") if any(real) else "",
        run=run,
        reset=(f"  {prefix}_reset();\n" if program.states else "") + giving_memory(memory, network),
        checks="\n".join(checks),
        measure=filled(
            "app_main_measure.c", runs=TIMED_RUNS, arena_bytes=f"{network.macro}_ARENA_BYTES"
        ),
    )


def _elements(value: str, tensor: Tensor, memory: Plan) -> int:
    """Elements of a buffer for an output, which kernels may read from, too."""
    return -(-memory.readable_bytes(value, tensor.nbytes) * tensor.size // tensor.nbytes)


def _check(name: str, shown: str, tensor: Tensor) -> str:
    kind = np.dtype(tensor.dtype)
    shape = ", ".join(map(str, tensor.shape)) or "1"
    signed = "true" if kind.kind == "i" else "false"
    compared = "floats_differ" if tensor.dtype == "float32" else "integers_differ"
    return (
        f"  failed |= {compared}(&(struct output){{\n"
        f"      {string(shown)}, actual_{name}, output_data_{name}, {tensor.size}, {kind.itemsize},"
        f" {signed},\n      {len(tensor.shape)}, (const size_t[]){{{shape}}}}});"
    )
