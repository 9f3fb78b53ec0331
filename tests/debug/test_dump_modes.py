"""Firmware that prints checksums, or some tensors in full: two runs find a difference."""

import re
import shutil

import numpy as np
import pytest
from networks import digits_arrays, library
from test_firmware_logs import NATIVE, float_parts, sample_of, several, with_state

from tvm_espdl import debug
from tvm_espdl.compilation import compile_file
from tvm_espdl.debug import read_dump
from tvm_espdl.toolchain.network import build_project


@pytest.fixture(scope="module")
def project(network, sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    return network.export_project(folder / "project", sample_input=sample)


def printed(project, compiler, folder, *defines):
    folder.mkdir(exist_ok=True)
    quick = compiler.with_flags("-O0")
    build_project(project, folder / "program", quick, defines=defines)
    (folder / "monitor.log").write_text(compiler.run(folder / "program"))
    return folder / "monitor.log"


def broken(project, tmp_path):
    """A copy of the project whose third layer's call is followed by a wrong byte."""
    folder = tmp_path / "broken"
    if not folder.exists():
        shutil.copytree(project, folder)
    main = folder / "main" / "app_main.c"
    main.write_text(main.read_text().replace("failed;", "0;"))
    (source,) = folder.rglob("default_lib1.c")
    text = source.read_text()
    calls = list(re.finditer(r"  TVM_ESPDL_DUMP_TENSOR\((\d+), .*?,\s+(\w+|\w+\[\d+\]), \d+\);",
                             text, re.DOTALL))  # fmt: skip
    chosen = calls[2]
    pointer = re.search(r",\s+(\S+), \d+\);$", chosen[0])[1]
    wrong = f"  ((uint8_t *){pointer})[5] ^= 1u;\n"
    source.write_text(text[: chosen.start()] + wrong + text[chosen.start() :])
    return folder, int(chosen[1])


@pytest.fixture(scope="module")
def whole(project, c_compiler, tmp_path_factory):
    """The log with everything."""
    return printed(project, c_compiler, tmp_path_factory.mktemp("all"), "TVM_ESPDL_DUMP")


def test_checksums_alone_are_enough_to_be_equal(project, network, whole, c_compiler, tmp_path):
    log = printed(project, c_compiler, tmp_path / "crc", "TVM_ESPDL_DUMP_CRC")
    assert len(log.read_bytes()) < len(whole.read_bytes()) / 4
    dump = read_dump(log)
    assert list(dump.tensors) == ["input"]  # what the PC has to be fed with
    assert len(dump.checksums) == 13
    result = debug.compare(network, log)
    assert result.ok and len(result.equal) == 14 and not result.advice, result


def test_a_chosen_tensor_is_whole_and_the_others_are_checksums(
    project, network, whole, c_compiler, tmp_path
):
    every = read_dump(whole)
    chosen = [name for name in every.indices if name != "input"][3:5]
    numbers = ",".join(str(every.indices[name]) for name in chosen)
    log = printed(project, c_compiler, tmp_path / "only", f"TVM_ESPDL_DUMP_ONLY={numbers}")
    dump = read_dump(log)
    assert [*dump.tensors] == ["input", *chosen]
    for name in chosen:
        np.testing.assert_array_equal(dump.tensors[name], every.tensors[name])
    assert dump.tensors.keys() | dump.checksums.keys() == every.tensors.keys()
    result = debug.compare(network, log)
    assert result.ok and not result.missing, result


def test_bisection_names_the_layer_and_then_shows_its_values(
    project, network, c_compiler, tmp_path
):
    folder, number = broken(project, tmp_path)
    log = printed(folder, c_compiler, tmp_path / "first", "TVM_ESPDL_DUMP_CRC")
    result = debug.compare(network, log)
    assert not result.ok
    name = result.first.tensor
    assert read_dump(log).indices[name] == number
    setting = f"-DTVM_ESPDL_DUMP_ONLY={number} "
    assert setting in str(result) and setting in result.to_json()
    (define,) = re.findall(r"#define (TVM_ESPDL_DUMP_ONLY) ([\d,]+)", str(result))
    log = printed(folder, c_compiler, tmp_path / "second", "=".join(define))
    result = debug.compare(network, log)
    assert result.first.tensor == name
    assert (result.first.count, result.first.first) == (1, 5)
    assert not result.advice


def test_a_second_network_obeys_the_same_switches(c_compiler, tmp_path):
    network = library("digits", "esp32p4")
    sample = digits_arrays()["images"][:1]
    project = network.export_project(tmp_path / "project", sample_input=sample, name="face")
    log = printed(project, c_compiler, tmp_path / "crc", "TVM_ESPDL_DUMP_CRC")
    assert debug.compare(network, log).ok
    assert len(read_dump(log).tensors) == 1


@pytest.mark.filterwarnings("ignore::tvm_espdl.errors.EspdlWarning")
@pytest.mark.parametrize(
    ("make", "formats", "fed"),
    [
        (lambda: compile_file(several(np.int16), "esp32s3"), {}, 2),
        (lambda: compile_file(several(), "esp32p4"), NATIVE, 2),
        (lambda: with_state("esp32s3"), {}, 2),
        (lambda: compile_file(float_parts(), "esp32c3"), {}, 0),
    ],
)
def test_what_a_network_is_fed_is_whole_in_every_dump(make, formats, fed, c_compiler, tmp_path):
    network = make()
    sample = sample_of(network)
    project = network.export_project(tmp_path / "project", sample_input=sample, **formats)
    log = printed(project, c_compiler, tmp_path / "crc", "TVM_ESPDL_DUMP_CRC")
    assert len(read_dump(log).tensors) == fed
    assert debug.compare(network, log, sample).ok
    if fed:
        assert debug.compare(network, log).ok


def test_crt_config_switches_as_definitions_do(project, network, c_compiler, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    (config,) = folder.rglob("crt_config.h")
    text = config.read_text()
    config.write_text(text.replace("/* #define TVM_ESPDL_DUMP_ONLY 3, 4 */",
                                   "#define TVM_ESPDL_DUMP_ONLY 3, 4"))  # fmt: skip
    dump = read_dump(printed(folder, c_compiler, tmp_path / "only"))
    assert {dump.indices[name] for name in dump.tensors} == {1, 3, 4}
    assert len(dump.checksums) == 11
