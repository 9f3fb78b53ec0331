"""Networks with names of their own: all that a linker sees bears them, so several fit together."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from espdl_double import compile_one
from networks import digits_arrays, library
from qdq_builder import QdqBuilder
from requirements_here import installed

from tvm_espdl.codegen.network_name import NetworkName
from tvm_espdl.codegen.project import project_files
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import DataError
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import includes, sources

# Half of them hold the other one's words, which must not be taken for one's own.
TWO = ("face", "default")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1st",
        "Face",
        "a-b",
        "a b",
        "_a",
        "a_",
        "a__b",
        "ä",
        "a" * 33,
        "model",
        "tvm",
        "espdl",
        None,
    ],
)
def test_what_is_no_good_name_is_one_clear_error(name, tmp_path):
    with pytest.raises(DataError, match=r"no name for a network in C.*found.*allowed.*try"):
        library("digits", "esp32s3").export_project(tmp_path / "p", name=name)
    assert list(tmp_path.iterdir()) == []


def test_the_default_name_changes_nothing():
    text = 'void espdl_add_s8(int x); /* ESPDL_S8, "crt_config.h" */'
    assert NetworkName().own(text) == text


def test_what_a_name_renames():
    own = NetworkName("face").own
    assert own("namespace espdl { espdl::relu(espdl_double); }") == (
        "namespace tvmgen_face_espdl { tvmgen_face_espdl::relu(tvmgen_face_espdl_double); }"
    )
    assert own("#ifdef TVM_ESPDL_DUMP") == "#ifdef TVM_ESPDL_DUMP"
    assert own("TVM_ESPDL_DUMP_BEGIN(x)") == "TVMGEN_FACE_TVM_ESPDL_DUMP_BEGIN(x)"
    assert own('#include "crt_config.h"') == '#include "crt_config_face.h"'
    assert own("my_espdl_x dl::espdl") == "my_espdl_x dl::espdl"


def named_like_ours():
    """int16, two inputs, and names of tensors that look like those of the runtime."""
    builder = QdqBuilder(np.int16)
    a = builder.quantized_input("espdl_add_s8", [1, 3, 5])
    b = builder.quantized_input("ESPDL_S8", [1, 3, 5])
    builder.output(
        builder.qdq(builder.node("Sigmoid", builder.qdq(builder.node("Add", a, b), -9)), -15)
    )
    return builder.model()


@pytest.fixture(scope="module")
def networks():
    return {"default": library("digits", "esp32s3"), "face": compile_file(named_like_ours())}


@pytest.fixture(scope="module")
def merged(networks, tmp_path_factory):
    """One project with both components, and what each has to print."""
    folder = tmp_path_factory.mktemp("two") / "project"
    rng = np.random.default_rng(11)
    face = [rng.normal(0, 3, (1, 3, 5)).astype(np.float32) for _ in range(2)]
    samples = {"default": [digits_arrays()["images"][:1]], "face": face}
    for name, network in networks.items():
        given = network.feed(samples[name])
        files = project_files(
            network.program, "two", given, network.first_run(given), name=NetworkName(name)
        )
        for path, content in files.items():
            own = path if path.parts[0] != "main" else path.parent / f"{name}_{path.name}"
            (folder / own).parent.mkdir(parents=True, exist_ok=True)
            (folder / own).write_bytes(content)
    return folder


def two_mains(folder):
    """One program that runs both projects' own mains twice, in turn."""
    calls = []
    for name in TWO:
        path = folder / "main" / f"{name}_app_main.c"
        text = path.read_text().replace("int main(void)", f"int {name}_main(void)")
        for kind in ("input", "output"):
            text = text.replace(f'"{kind}_data.h"', f'"{name}_{kind}_data.h"')
        path.write_text(text)
        calls.append(f"{name}_main()")
    declared = "".join(f"int {call.replace('()', '(void)')};\n" for call in calls)
    both = folder / "main" / "app_main.c"
    both.write_text(f"{declared}int main(void) {{ return {' | '.join(calls * 2)}; }}\n")
    return [folder / "main" / f"{name}_app_main.c" for name in TWO]


COMPILERS = {
    "gcc with sanitizers": Compiler.sanitized(),
    "clang with sanitizers": Compiler.sanitized(clang=True),
    "rv32": Compiler.rv32(),
}


@pytest.mark.parametrize("where", COMPILERS)
def test_each_gives_its_own_answers(where, merged, networks, tmp_path):
    compiler = installed(COMPILERS[where])
    folder = shutil.copytree(merged, tmp_path / "project")
    program = tmp_path / "program"
    compiler.build(
        [*sources(folder), *two_mains(folder)],
        program,
        includes=includes(folder),
        defines=["TVM_ESPDL_PORTABLE"],
    )
    assert compiler.run(program).splitlines().count("PASS") == 4


def test_no_global_symbol_is_shared(merged, tmp_path):
    """With ESP-DL's kernels too: their callers and templates bear the name."""
    folder = shutil.copytree(merged, tmp_path / "project")
    defined = {}
    for component in sorted((folder / "components").iterdir()):
        defined[component.name] = set()
        options = [f"-I{path}" for path in includes(folder) if component in path.parents]
        for source in sorted(component.rglob("*.[c]*")):
            target = source.with_suffix(".o")
            if source.suffix == ".cpp":
                compile_one("pie_v1", source, target, includes=[source.parent])
            elif source.suffix == ".c":
                command = ["gcc", "-c", *options, str(source), "-o", str(target)]
                subprocess.run(command, check=True, timeout=60)
        for target in component.rglob("*.o"):
            listed = ["nm", "-P", "--defined-only", "--extern-only", str(target)]
            shown = subprocess.run(listed, check=True, timeout=60, capture_output=True, text=True)
            defined[component.name] |= {line.split()[0] for line in shown.stdout.splitlines()}
    one, other = defined["tvm_model"], defined["tvm_face"]
    assert "tvmgen_face_espdl_add_s16" in other and "espdl_conv2d_s8" in one
    assert {name for name in one & other if "dl4base" not in name} == set()
    assert {name for name in other if not re.search("tvmgen_face_|2dl", name)} == set()


def test_files_and_guards_bear_the_name(networks, merged):
    component = merged / "components" / "tvm_face"
    for path in (path for path in component.rglob("*") if path.suffix in (".h", ".hpp")):
        assert "face" in path.name
        (guard, *_) = re.findall(r"^#ifndef (\w+)", path.read_text(), re.MULTILINE) or ["FACE"]
        assert "FACE" in guard, path.name
    assert (component / "model/codegen/host/include/tvmgen_face.h").is_file()
    assert (component / "crt_config/crt_config_face.h").is_file()
    log = (component / "model/codegen/host/src/face_lib1.c").read_text()
    assert '"espdl_add_s8"' in log and "->espdl_add_s8" in log
