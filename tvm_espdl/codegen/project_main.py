"""Writes the project's `main`: it runs the network on compiled-in data and checks every output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..ops import Tensor
from ..ops.base.rounding import Array
from ..program import Program
from ..program.memory import Plan
from .arenas import giving_memory, own_memory
from .filling import filled
from .header import NOTICE
from .identifiers import identifiers, string
from .literals import array_definition, c_type
from .network_name import NetworkName


def main_files(
    program: Program,
    memory: Plan,
    inputs: Sequence[Array],
    outputs: Sequence[Array],
    name: NetworkName,
) -> dict[Path, str]:
    """The files of the folder `main`, by their path in the project.

    The network is run with `inputs`, and `outputs` have to come out, in the chip's integers.
    """
    return {
        Path("main/app_main.c"): _app_main(program, memory, name),
        Path("main/input_data.h"): _data_header("input", program, inputs, memory, name),
        Path("main/output_data.h"): _data_header("output", program, outputs, memory, name),
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


def _app_main(program: Program, memory: Plan, network: NetworkName) -> str:
    inputs, outputs = identifiers(program.input_names), identifiers(program.output_names)
    tensors = [program.values[name] for name in program.outputs]
    buffers = [
        f"static {network.own('ESPDL_ALIGNED')}(16) {c_type(tensor.dtype)} "
        f"actual_{name}[{_elements(value, tensor, memory)}];"
        for name, value, tensor in zip(outputs, program.outputs, tensors, strict=True)
    ]
    prefix = network.prefix
    given = ", ".join(f".{name} = input_data_{name}" for name in inputs)
    taken = ", ".join(f".{name} = actual_{name}" for name in outputs)
    run = (
        f"  struct {prefix}_inputs in = {{{given}}};\n"
        f"  struct {prefix}_outputs out = {{{taken}}};\n"
        f"{f'  {prefix}_reset();{chr(10)}' if program.states else ''}"
        f"{giving_memory(memory, network)}"
        f"  if ({prefix}_run(&in, &out) != 0) {{\n"
        '    printf("FAIL: the network did not run\\n");\n    return 1;\n  }'
    )
    checks = [
        _check(name, shown, tensor)
        for name, shown, tensor in zip(outputs, program.output_names, tensors, strict=True)
    ]
    real = any(tensor.dtype == "float32" for tensor in tensors)
    return filled(
        "app_main.c",
        header=f"{prefix}.h",
        buffers="\n".join([*buffers, "", *own_memory(memory, network)]),
        floats=filled("app_main_floats.c") if real else "",
        run=run,
        checks="\n".join(checks),
    )


def _elements(value: str, tensor: Tensor, memory: Plan) -> int:
    """Elements of a buffer for an output, which kernels may read from, too."""
    return -(-memory.readable_bytes(value, tensor.nbytes) * tensor.size // tensor.nbytes)


def _check(name: str, shown: str, tensor: Tensor) -> str:
    text, actual, expected = string(shown), f"actual_{name}", f"output_data_{name}"
    if tensor.dtype == "float32":
        return f"  failed |= floats_differ({text}, {actual}, {expected}, {tensor.size});"
    width = np.dtype(tensor.dtype).itemsize
    return f"  failed |= integers_differ({text}, {actual}, {expected}, {width}, {tensor.size});"
