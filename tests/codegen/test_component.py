"""The component of a project: which files it compiles, and when it depends on ESP-DL."""

import re

import pytest
from networks import library
from projects import project_of

from tvm_espdl.chips import CHIPS
from tvm_espdl.codegen.implementations import implementations
from tvm_espdl.codegen.network_name import NetworkName

COMPONENT = "components/tvm_model"
RUNTIME = f"{COMPONENT}/model/runtime"


def texts(network, **options):
    files = project_of(network, **options)
    return {
        path.as_posix(): content.decode()
        for path, content in files.items()
        if path.suffix != ".bin"
    }


@pytest.mark.parametrize("chip", CHIPS)
def test_esp_dl_is_a_dependency_only_of_chips_that_use_it(chip):
    files = texts(library("digits", chip))
    manifest = files[f"{COMPONENT}/idf_component.yml"]
    assert f'idf: "{CHIPS[chip].project.revisions[0].idf_versions}"' in manifest
    cmake = files[f"{COMPONENT}/CMakeLists.txt"]
    assert "main/idf_component.yml" not in files
    if CHIPS[chip].vector_bytes:
        assert 'espressif/esp-dl:\n    version: "==3.3.9"\n' in manifest
        (targets,) = re.findall(r'- if: "target in \[(.*)\]"', manifest)
        assert chip in targets.split(", ")
        assert all(CHIPS[name].vector_bytes for name in targets.split(", "))
        assert "COMPONENT_VERSION" in cmake
    else:
        assert "esp-dl" not in manifest
        assert "esp-dl" not in cmake
        assert not [name for name in files if name.endswith((".cpp", ".hpp"))]


def test_preference_decides():
    portable = texts(library("digits", "esp32s3"), kernels="portable")
    assert "esp-dl" not in portable[f"{COMPONENT}/idf_component.yml"]
    asked = texts(library("digits", "esp32c3"), kernels="esp-dl")
    assert "target in [esp32, " in asked[f"{COMPONENT}/idf_component.yml"]
    assert f"{RUNTIME}/espdl_conv2d.cpp" in asked


def test_a_replaced_file_is_compiled_only_for_portable_projects():
    cmake = texts(library("digits", "esp32s3"))[f"{COMPONENT}/CMakeLists.txt"]
    head, choice, rest = re.split(r"if\(TVM_ESPDL_PORTABLE\)|endif\(\)", cmake)[:3]
    portable, glue = choice.split("else()")
    for name in ("conv2d", "depthwise_conv2d", "add", "max_pool2d", "requantize"):
        assert f"espdl_{name}.c" in portable
        assert f"espdl_{name}.cpp" in glue
        assert f"espdl_{name}." not in head + rest
    assert "espdl_average_pool2d.c" in head


def test_slices_are_switched_off_by_one_macro_whatever_the_name():
    files = texts(library("digits", "esp32s3"))
    switch = "TVM_ESPDL_WHOLE_FILTERS"
    assert f"if({switch})" in files[f"{COMPONENT}/CMakeLists.txt"]
    glue = files[f"{RUNTIME}/espdl_convolution.hpp"]
    assert f"#ifdef {switch}\n" in glue
    assert f"#ifdef {switch}\n" in NetworkName("face").own(glue)
    assert switch not in texts(library("digits", "esp32c3"))[f"{COMPONENT}/CMakeLists.txt"]


def test_one_type_of_a_file_may_be_espdls_and_the_other_ours():
    of_conv = {"espdl_conv2d.c": "/* both types */\n"}
    kernels = {"espdl_conv2d_s8": "esp-dl", "espdl_conv2d_s16": "portable"}
    made = implementations(of_conv, kernels)
    assert made.always == ("espdl_conv2d.c",)
    assert made.portable == ()
    assert made.glue == ("espdl_conv2d.cpp",)
    portable, glue = made.files["espdl_conv2d.c"], made.files["espdl_conv2d.cpp"]
    assert portable.startswith("#ifndef TVM_ESPDL_PORTABLE\n#define ESPDL_WITHOUT_S8\n#endif\n")
    assert glue.startswith("#define ESPDL_WITHOUT_S16\n#ifndef TVM_ESPDL_PORTABLE\n")


def test_what_portable_kernels_share_goes_with_them():
    """`espdl_accumulate.c` has the name of a header that the sources of convolutions include."""
    ours = texts(library("digits", "esp32s3"), kernels="portable")
    cmake = ours[f"{COMPONENT}/CMakeLists.txt"]
    assert "espdl_accumulate.c" in cmake
    assert "TVM_ESPDL_PORTABLE)" not in cmake
    theirs = texts(library("digits", "esp32s3"))
    head, choice = theirs[f"{COMPONENT}/CMakeLists.txt"].split("if(TVM_ESPDL_PORTABLE)")[:2]
    assert "espdl_accumulate.c" in choice.split("else()")[0]
    assert "espdl_accumulate.c" not in head
    assert "#ifdef TVM_ESPDL_PORTABLE\n" in theirs[f"{RUNTIME}/espdl_accumulate.c"]
    mixed = {"espdl_conv2d_s8": "esp-dl", "espdl_matmul_s16": "portable"}
    include = '#include "espdl_accumulate.h"\n'
    files = ("espdl_accumulate.c", "espdl_conv2d.c", "espdl_matmul.c")
    made = implementations(dict.fromkeys(files, include), mixed)
    assert made.always == ("espdl_accumulate.c", "espdl_matmul.c")
    assert made.portable == ("espdl_conv2d.c",)


def test_what_only_vectors_want_is_left_out_without_them():
    """Of the kernels' C: it is more than a kilobyte."""
    name = f"{RUNTIME}/espdl_prototypes.h"
    assert "#define ESPDL_WITHOUT_LANES\n" in texts(library("digits", "esp32c3"))[name]
    assert "ESPDL_WITHOUT_LANES" not in texts(library("digits", "esp32s3"))[name]


def test_glue_leaves_out_types_that_nobody_calls():
    """Else the linker would fetch ESP-DL's kernels of that type, too."""
    made = implementations({"espdl_conv2d.c": ""}, {"espdl_conv2d_s16": "esp-dl"})
    assert made.files["espdl_conv2d.cpp"].startswith("#define ESPDL_WITHOUT_S8\n")
