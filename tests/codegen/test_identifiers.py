"""Names of tensors become names in C, and break none of C's, C++'s, of headers or of ours."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from network_in_c import run_network
from projects import project_of
from qdq_builder import QdqBuilder

from tvm_espdl.codegen.identifiers import identifiers
from tvm_espdl.compilation import compile_file
from tvm_espdl.program.border.formats import border_of
from tvm_espdl.toolchain.network import build_project

HOSTILE = (
    *("out", "in", "log", "index", "main", "errno", "class", "and", "linux", "INT8_MIN", "NULL"),
    *("a", "A", "x", "x_in", "x_out", "input", "input_x", "output_x", "actual_x", "data_x"),
    *("tensor_x", "arena", "memcpy", "inputs", "outputs", "failed", "fail", "printf", "true"),
    *("x/y", "x.y", "x y", "1x", "*/ x", '"; x', "%s%n", "\u00e4\u00f6\u00fc", "__x", "x" * 300),
    *(
        "int8_t",
        "size_t",
        "tvmgen_default_run",
        "tvmgen_default_inputs",
        "quantize_input",
        "x_bytes",
    ),
    *("right\u202eleft", "line\u2028line", "return\r", "tail\\"),
)


def test_they_are_readable_and_unique():
    assert identifiers(["a/b", "a.b", "1x", ""]) == ["a_b", "a_b_2", "tensor_1x", "tensor"]
    assert identifiers(["a", "A"]) == ["a", "tensor_A"]
    assert identifiers(["aB", "Ab"]) == ["aB", "Ab_2"]


@pytest.mark.parametrize(
    "name", ["memcpy", "NULL", "int", "main", "class", "errno", "unix", "I", "int8_t"]
)
def test_no_reserved_name_stands_alone(name):
    assert identifiers([name]) == [f"tensor_{name}"]


def many_inputs(names):
    """A network whose inputs bear the names."""
    builder = QdqBuilder()
    total = builder.quantized_input(names[0], [1, 4])
    for name in names[1:]:
        total = builder.qdq(builder.node("Add", total, builder.quantized_input(name, [1, 4])), -4)
    builder.output(total)
    return builder.model()


def many_tensors(names):
    """A network whose tensors bear the names, every second one an output."""
    builder = QdqBuilder()
    result = builder.quantized_input("first", [1, 4])
    for place, name in enumerate(names):
        result = builder.qdq(builder.node("Relu" if place % 2 else "Neg", result), -4)
        builder.nodes[-1].output[0] = result = name
        if place % 2:
            builder.output(result)
    return builder.model()


@pytest.mark.parametrize("network", [many_inputs, many_tensors])
def test_hostile_names_break_neither_c_nor_cpp(network, c_compiler, tmp_path):
    library = compile_file(network(HOSTILE))
    rng = np.random.default_rng(7)
    sample = [rng.normal(0, 3, (1, 4)).astype(np.float32) for _ in library.program.inputs]
    border = border_of(library.program, "native", "native")
    (results,) = run_network(border, [library.feed(sample)], c_compiler, real=True)
    for result, expected in zip(results, library.first_run(library.feed(sample)), strict=True):
        np.testing.assert_array_equal(result, expected)
    project = library.export_project(
        tmp_path / "p", name="out", input_format="native", output_format="native"
    )
    files = {path.name: content for path, content in project_of(library, sample).items()}
    (tmp_path / "tvmgen_default.h").write_bytes(files["tvmgen_default.h"])
    (named,) = project.rglob("tvmgen_out.h")
    shutil.copy(named, tmp_path)
    headers = "cassert cctype cerrno cmath complex csetjmp csignal cstdarg cstdio cstdlib cstring"
    includes = "".join(f"#include <{name}>\n" for name in headers.split())
    (tmp_path / "main.cpp").write_text(
        f'{includes}#include "tvmgen_default.h"\n#include "tvmgen_out.h"\nint main() {{}}\n'
    )
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
    (tmp_path / "main.c").write_text('#include "tvmgen_default.h"\n#include "tvmgen_out.h"\n')
    for standard in ("gnu++20", "c++17", "c99", "c17"):
        source = "main.cpp" if "++" in standard else "main.c"
        command = ["gcc", f"-std={standard}", *warnings, "-fsyntax-only", source]
        checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
    macros = re.findall(r"#define (\w+)[ \n]", files["tvmgen_default.h"].decode())
    assert len(macros) == len(set(macros))


def test_the_projects_own_main_takes_hostile_names(c_compiler, tmp_path):
    project = compile_file(many_tensors(HOSTILE)).export_project(tmp_path / "hostile")
    build_project(project, tmp_path / "program", c_compiler)
    assert c_compiler.run(tmp_path / "program").splitlines()[-1] == "PASS"
