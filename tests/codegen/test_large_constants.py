"""Large read-only arrays of generated C: a binary file with the bytes that C would have made."""

import re

import numpy as np
import pytest
from network_in_c import run_network
from object_files import object_files
from qdq_builder import QdqBuilder

from tvm_espdl.codegen.constants import Constants
from tvm_espdl.codegen.kernels import runtime_files
from tvm_espdl.codegen.large_constants import LARGE_BYTES
from tvm_espdl.codegen.network_name import DEFAULT_NAME
from tvm_espdl.compilation import compile_file

COMPILERS = ["c_compiler", "clang", "rv32", "xtensa"]
DTYPES = ["int8", "int16", "int32", "int64", "float32", "bool"]
SEED = 8

PRINTS_ALL = """\
#include "default_constants.h"
#include <stdio.h>

int main(void) {{
  FILE *const file = fopen("outputs.bin", "wb");
  if (file == NULL) {{
    return 1;
  }}
{writes}
  return fclose(file);
}}
"""


def arrays_of(size):
    rng = np.random.default_rng(SEED)
    drawn = {name: rng.integers(-(2**62), 2**62, size) for name in DTYPES}
    return {
        name: drawn[name] > 0 if name == "bool" else drawn[name].astype(name) for name in DTYPES
    }


@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_compiler_gives_the_bytes(compiler, tmp_path, request):
    """Odd sizes, each at a multiple of 16, zeros behind the last one; small ones are in C."""
    compiler = request.getfixturevalue(compiler)
    constants = Constants(DEFAULT_NAME)
    print("seed", SEED)
    sizes = {"large": 4099, "small": 5}
    arrays = {f"{n}_{d}": a for n, size in sizes.items() for d, a in arrays_of(size).items()}
    over_reads = dict(zip(arrays, (16 * (i % 3) for i in range(len(arrays))), strict=True))
    for name, array in arrays.items():
        assert constants.add(name, array, over_reads[name]) == name
    writes = [
        f"  if ((uintptr_t){name} % 16 != 0 ||\n"
        f"      fwrite({name}, 1, sizeof {name}, file) != sizeof {name}) {{\n    return 2;\n  }}"
        for name in arrays
    ]
    assembly, image = DEFAULT_NAME.large_constants
    files = {
        "main.c": PRINTS_ALL.format(writes="\n".join(writes)),
        "default_constants.h": constants.header(),
        "default_lib0.c": constants.definitions(),
        assembly: constants.large.assembly(image),
        **runtime_files([]),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / image).write_bytes(constants.large.data())
    sources = [tmp_path / name for name in ("main.c", "default_lib0.c", assembly)]
    compiler.build(sources, tmp_path / "program", includes=[tmp_path])
    compiler.run(tmp_path / "program")
    written, offset = (tmp_path / "outputs.bin").read_bytes(), 0
    for name, array in arrays.items():
        size = -(-array.nbytes // 16) * 16 + over_reads[name]
        expected = array.tobytes().ljust(size, b"\0")
        assert written[offset : offset + size] == expected, name
        offset += size
    assert (len(written), constants.nbytes) == (offset, offset)
    assert not [
        name for name in arrays if ("large" in name) == (f" {name}[" in files[sources[1].name])
    ]


def wide_gemm(rng):
    """A network whose weights are large."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 96], -5)
    w = builder.weights(rng.integers(-90, 90, (96, 61)).astype(np.int8), -7)
    builder.output(builder.qdq(builder.node("Gemm", x, w), -3))
    return compile_file(builder.model())


@pytest.mark.parametrize("compiler", ["c_compiler", "rv32"])
def test_network_with_large_weights(compiler, tmp_path, request):
    compiler, rng = request.getfixturevalue(compiler), np.random.default_rng(SEED)
    print("seed", SEED)
    network = wide_gemm(rng)
    x = rng.normal(0, 2, (1, 96)).astype(np.float32)
    (expected,) = network.run([x])
    ((output,),) = run_network(network.program, [[x]], compiler)
    np.testing.assert_array_equal(output, expected)


def test_large_arrays_have_the_symbols_that_c_would_give_them(tmp_path, c_compiler):
    """Constant data of their size each, so that the linker drops those that nobody names."""
    project = wide_gemm(np.random.default_rng(SEED)).export_project(tmp_path / "project")
    text = next(project.rglob("default_constants.S")).read_text()
    ((name, offset, size),) = re.findall(r"^  constant (\w+), (\d+), (\d+)$", text, re.MULTILINE)
    declared = next(project.rglob("default_constants.h")).read_text()
    assert f"extern const int8_t {name}[{size}];" in declared
    assert int(size) >= LARGE_BYTES
    made = object_files(project, c_compiler, tmp_path, ["default_constants.S"])
    assert made["default_constants.S"].defined == {name: (int(size), "R")}
    (image,) = project.rglob("*.bin")
    assert image.stat().st_size == int(offset) + int(size)
