"""Constants printed as C: exact, aligned, in short lines, and always the same."""

import numpy as np
import pytest
from random_operators import records

from tvm_espdl.codegen.kernels import RUNTIME, runtime_files, shared_sources
from tvm_espdl.codegen.literals import (
    array_definition,
    array_length,
    descriptor_definition,
    float_literal,
    kernel_source,
)
from tvm_espdl.ops import operators
from tvm_espdl.ops.base.ccall import CCall
from tvm_espdl.program.border.conversions import DequantizeOutput, QuantizeInput
from tvm_espdl.program.border.pixel_table import PixelTable
from tvm_espdl.toolchain.compiler import Compiler

EDGES = {
    "int8": [-128, 0, 127],
    "uint8": [0, 255],
    "int16": [-32768, 32767],
    "int32": [-(2**31), -(2**31) + 1, 2**31 - 1],
    "int64": [-(2**63), -(2**63) + 1, -(2**31) - 1, 2**31, 2**63 - 1],
    "float32": [0.1, -0.0, 1.0, 1e-45, 3.4028235e38, np.inf, -np.inf, 1 / 3, 16777216.0],
}


def test_arrays_are_exact_in_c(c_compiler, tmp_path):
    """GCC reads back every value, and zeros behind the last one."""
    rng = np.random.default_rng(7)
    arrays = {dtype: np.array(values, dtype) for dtype, values in EDGES.items()}
    patterns = rng.integers(0, 2**31, 1000, np.uint32) % np.uint32(0x7F800000)
    arrays["float32"] = np.concatenate([arrays["float32"], patterns.view(np.float32)])
    text = '#include <math.h>\n#include <stdio.h>\n#include "espdl_kernels.h"\n'
    text += "".join(array_definition(f"a_{name}", array, 16) for name, array in arrays.items())
    body = "".join(f"  fwrite(a_{name}, 1, sizeof a_{name}, file);\n" for name in arrays)
    text += '\nint main(void) {\n  FILE *file = fopen("values.bin", "wb");\n'
    text += f"{body}  return fclose(file);\n}}\n"
    for file, content in {"main.c": text, **runtime_files([])}.items():
        (tmp_path / file).write_text(content)
    c_compiler.build([tmp_path / "main.c"], tmp_path / "program")
    c_compiler.run(tmp_path / "program")
    stored = (tmp_path / "values.bin").read_bytes()
    for array in arrays.values():
        size = array_length(array, 16) * array.itemsize
        assert stored[: array.nbytes] == array.tobytes()
        assert not any(stored[array.nbytes : size])
        assert size - array.nbytes >= 16
        assert size % 16 == 0
        stored = stored[size:]
    assert not stored


@pytest.mark.parametrize("dtype", EDGES)
def test_lines_are_short_and_repeatable(dtype):
    array = np.array(EDGES[dtype] * 200, dtype)
    text = array_definition("weights", array, 48)
    assert max(map(len, text.splitlines())) <= 100
    assert text == array_definition("weights", array.copy(), 48)
    assert text.count(",") == array.size


def test_a_dtype_without_c_type_is_refused():
    with pytest.raises(ValueError, match="float16"):
        array_definition("weights", np.zeros(3, np.float16), 0)


def test_descriptor_names_each_member_once():
    call = CCall(
        "espdl_clip_s8",
        "espdl_clip_t",
        {"size": 5, "extents": (1, 2), "scale": 0.5, "mode": "ESPDL_MODE"},
        {"table": np.zeros(3, np.int8)},
    )
    assert descriptor_definition("clip", call, {"table": "numbers"}).splitlines() == [
        "static const espdl_clip_t clip = {",
        "  .size = 5,",
        "  .extents = {1, 2},",
        "  .scale = 0.5f,",
        "  .mode = ESPDL_MODE,",
        "  .table = numbers,",
        "};",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.0f"), (2.0**-20, "9.53674316e-07f"), (-np.inf, "-INFINITY"), (np.nan, "NAN")],
)
def test_floats(value, text):
    assert float_literal(value) == text


def test_every_kernel_is_in_the_file_of_its_name():
    calls = [
        operator.call(record.chip, *record.constants)
        for name in operators()
        for record in records(name, "esp32s3", 20, samples=1)
        if (operator := record.operator)
    ]
    sources = {kernel_source(call.function) for call in calls}
    for name in [name for name in sources if (RUNTIME / name).exists()]:
        sources.update(shared_sources((RUNTIME / name).read_text()))
    of_the_border = {
        f"espdl_{kind.name}.c" for kind in (PixelTable, QuantizeInput, DequantizeOutput)
    }
    assert sources | of_the_border >= {path.name for path in RUNTIME.glob("espdl_*.c")}


def test_every_compiler_has_the_same_warnings():
    host = {flag.split("=")[0] for flag in Compiler.host().flags if flag.startswith("-W")}
    assert "-Werror" in host
    for compiler in (Compiler.clang(), Compiler.rv32(), Compiler.xtensa(), Compiler.sanitized()):
        assert host <= {flag.split("=")[0] for flag in compiler.flags}
