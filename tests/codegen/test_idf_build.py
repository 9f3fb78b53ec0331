"""The project configures and builds under ESP-IDF's own CMake interface, by a stand-in for it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from golden_folders import BY_ESP_DL, folder_of_names
from networks import digits_arrays, library
from requirements_here import unavailable

from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_file
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx

STUB = Path(__file__).parent / "idf_stub"
EVERYTHING = os.environ.get("TVM_ESPDL_ALL") == "1"
MODELS = (
    *("actzoo_32", "digits_cnn", "dscnn_kws_49x10", "kws_conv1d", "mobilenetv2_035_96"),
    *("mobilenetv2_100_224", "resnet8_32", "yolo_nano_96", "yolo_tiny_160"),
)
ESP_DL = Path(__file__).parents[1] / "espdl_double"


@pytest.fixture
def cmake():
    if shutil.which("cmake") is None or shutil.which("make") is None:
        unavailable("no cmake and make: apt-get install cmake make")
    return "cmake"


def run(*command):
    environment = {**os.environ, "IDF_PATH": str(STUB)}
    return subprocess.run(
        [str(c) for c in command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def built(cmake, project, build, *settings):
    """Standard output of the firmware that a project becomes."""
    configured = run(cmake, "-S", project, "-B", build, *settings)
    assert configured.returncode == 0, configured.stderr
    compiled = run(cmake, "--build", build)
    assert compiled.returncode == 0, compiled.stderr
    assert "warning" not in compiled.stderr
    printed = run(build / f"{project.name}.elf")
    assert printed.returncode == 0
    return printed.stdout


def test_dumps_are_switched_on_by_options_of_cmake(tmp_path, cmake, c_compiler):
    project = library("digits", "esp32p4").export_project(
        tmp_path / "digits", sample_input=digits_arrays()["images"][:1]
    )
    build = tmp_path / "build"
    options = ["-DIDF_TARGET=esp32p4", "-DTVM_ESPDL_PORTABLE=1"]
    printed = built(cmake, project, build, *options, "-DTVM_ESPDL_DUMP_ONLY=3,4")
    assert list(dict.fromkeys(re.findall(r"@espdl data (\d+)", printed))) == ["1", "3", "4"]
    assert printed.count("@espdl end") == 14
    assert "time per inference" not in printed  # main knows it, too
    printed = built(cmake, project, build, "-DTVM_ESPDL_DUMP_ONLY=", "-DTVM_ESPDL_DUMP=ON")
    assert set(re.findall(r"@espdl data (\d+)", printed)) == {str(n) for n in range(1, 15)}


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_project_builds_and_runs(tmp_path, chip, cmake, c_compiler):
    """With what stands in for ESP-DL where the project calls it, and without."""
    project = library("digits", chip).export_project(
        tmp_path / "digits", sample_input=digits_arrays()["images"][:1]
    )
    target, esp_dl = f"-DIDF_TARGET={chip}", f"-DSTUB_ESP_DL={ESP_DL}"
    portable = built(cmake, project, tmp_path / "portable", target, "-DTVM_ESPDL_PORTABLE=1")
    with_esp_dl = built(cmake, project, tmp_path / "esp_dl", target, esp_dl)
    metadata = json.loads(next(project.rglob("metadata.json")).read_text())
    assert portable.splitlines() == [
        f"model {metadata['model_id']}",
        "output logits: 10 elements equal bit for bit",
        "time per inference: 1000 us, the median of 11 runs from 1000 to 1000 us",
        f"arena: {metadata['arena_bytes']} bytes",
        "stack: 8000 of 8192 bytes were never used",
        "free heap: 200000 bytes of internal RAM and 0 of PSRAM before, 200000 and 0 after",
        "PASS",
    ]
    assert portable == with_esp_dl


@pytest.mark.skipif(not EVERYTHING, reason="it takes minutes: TVM_ESPDL_ALL=1")
@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("c_compiler")
def test_every_network_builds_and_passes(name, chip, models_dir, tmp_path, cmake):
    """With the lines of ESP-IDF that the project itself has, for memory in PSRAM, too."""
    model = preprocess_onnx(models_dir / "float" / f"{name}.onnx")
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    shape = tuple(size.dim_value or 1 for size in sizes)
    samples = np.random.default_rng(5).normal(size=(2, *shape[1:])).astype(np.float32)
    network = compile_file(quantize_onnx(model, samples, chip, measure=False).model)
    project = network.export_project(tmp_path / "network", sample_input=samples[:1])
    settings = (f"-DIDF_TARGET={chip}", f"-DSTUB_ESP_DL={ESP_DL}")
    assert built(cmake, project, tmp_path / "build", *settings).endswith("\nPASS\n")


@pytest.mark.parametrize("name", ['a b;c"d', "$(x)#", "ü", "1-a.b+c"])
def test_a_folder_may_have_any_name(name, tmp_path, cmake, c_compiler):
    """CMake takes few letters for a project; ESP-IDF itself asks for a path without blanks."""
    project = library("digits", "esp32").export_project(tmp_path / name)
    text = (project / "CMakeLists.txt").read_text()
    (tmp_path / name).rename(tmp_path / "moved")
    configured = run(
        cmake, "-S", tmp_path / "moved", "-B", tmp_path / "build", "-DIDF_TARGET=esp32"
    )
    assert configured.returncode == 0, configured.stderr
    assert name != "1-a.b+c" or f"project({name})" in text


def test_memory_elsewhere_builds_too(tmp_path, cmake, c_compiler):
    """In PSRAM, whose lines stand in the project: without them it does not compile."""
    network, sample = library("digits", "esp32s3"), digits_arrays()["images"][:1]
    target = ("-DIDF_TARGET=esp32s3", "-DTVM_ESPDL_PORTABLE=1")
    given = {"sample_input": sample, "kernels": "portable"}
    caller = network.export_project(tmp_path / "caller", arena="caller", **given)
    assert built(cmake, caller, tmp_path / "caller_build", *target).endswith("\nPASS\n")
    psram = network.export_project(tmp_path / "psram", internal_ram=256, weights="psram", **given)
    assert built(cmake, psram, tmp_path / "psram_build", *target).endswith("\nPASS\n")
    lines = psram / "sdkconfig.defaults.esp32s3"
    text = lines.read_text().replace("CONFIG_SPIRAM_ALLOW_BSS_SEG", "CONFIG_NONE")
    lines.write_text(text)
    assert run(cmake, "-S", psram, "-B", tmp_path / "without", *target).returncode == 0
    compiled = run(cmake, "--build", tmp_path / "without")
    assert "in PSRAM: set CONFIG_SPIRAM" in compiled.stderr + compiled.stdout


def test_another_release_of_esp_dl_does_not_compile(tmp_path, cmake, c_compiler):
    project = library("digits", "esp32s3").export_project(tmp_path / "digits")
    settings = ("-DIDF_TARGET=esp32s3", f"-DSTUB_ESP_DL={ESP_DL}", "-DSTUB_ESP_DL_VERSION=3.3.10")
    configured = run(cmake, "-S", project, "-B", tmp_path / "build", *settings)
    assert configured.returncode == 0, configured.stderr
    compiled = run(cmake, "--build", tmp_path / "build")
    assert compiled.returncode != 0
    assert "ESP-DL 3.3.9 and no other release" in compiled.stderr + compiled.stdout


def test_another_chip_is_refused(tmp_path, cmake, c_compiler):
    project = library("digits", "esp32s3").export_project(tmp_path / "digits")
    configured = run(cmake, "-S", project, "-B", tmp_path / "build", "-DIDF_TARGET=esp32")
    assert configured.returncode != 0
    assert "tvm_model is not for esp32" in configured.stderr


def test_two_networks_have_two_names(tmp_path, cmake, c_compiler):
    """A second network's component is copied into the project; of one name they are refused."""
    network, sample = library("digits", "esp32"), digits_arrays()["images"][:1]
    project = network.export_project(tmp_path / "digits", sample_input=sample)
    components, target = project / "components", "-DIDF_TARGET=esp32"
    other = network.export_project(tmp_path / "other", name="face")
    shutil.copytree(other / "components" / "tvm_face", components / "tvm_face")
    assert built(cmake, project, tmp_path / "build", target).endswith("PASS\n")
    shutil.copytree(components / "tvm_model", components / "tvm_copy")
    configured = run(cmake, "-S", project, "-B", tmp_path / "build", target)
    assert configured.returncode != 0
    assert "hold networks of one name, default" in configured.stderr


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_selftest_builds_and_passes(tmp_path, chip, cmake, c_compiler, capsys):
    """Its log says whose kernels have computed the vectors, and that they were right."""
    (tmp_path / "golden").mkdir()
    of_these = ["--golden", str(folder_of_names(tmp_path / "golden", BY_ESP_DL)), "--chip", chip]
    project, log = tmp_path / "board", tmp_path / "monitor.log"
    written = ["selftest", "--project", str(project), *of_these, "--kernels", "esp-dl"]
    assert main(written) == 0
    settings = f"-DIDF_TARGET={chip}", f"-DSTUB_ESP_DL={ESP_DL}"
    log.write_text(built(cmake, project, tmp_path / "build", *settings))
    capsys.readouterr()
    assert main(["selftest", "--log", str(log), *of_these]) == 0
    first, last = capsys.readouterr().out.splitlines()
    metadata = json.loads((project / "components/tvm_model/model/metadata.json").read_text())
    by_esp_dl = [vector["kernel"] for vector in metadata["vectors"]].count("esp-dl")
    assert by_esp_dl >= len(BY_ESP_DL) - 2 and f"; {by_esp_dl} by esp-dl" in first
    assert last == f"{len(BY_ESP_DL)} passed, 0 failed, 0 skipped"
