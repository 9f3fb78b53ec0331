"""The generated project: its layout, its bytes, its self-check, its build under ESP-IDF's CMake."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from network_in_c import run_network
from networks import digits_arrays, library, quantized_digits
from projects import project_of
from qdq_builder import QdqBuilder

from tvm_espdl import debug
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import DataError, OutputError
from tvm_espdl.toolchain.network import build_project
from tvm_espdl.version import __version__

MODEL = Path("components/tvm_model/model")
LAYOUT = [
    "CMakeLists.txt",
    "pytest_default.py",
    "partitions.csv",
    "sdkconfig.defaults",
    "sdkconfig.defaults.esp32s3",
    "main/app_main.c",
    "main/input_data.h",
    "main/output_data.h",
    "main/CMakeLists.txt",
    "components/tvm_model/idf_component.yml",
    "components/tvm_model/CMakeLists.txt",
    "components/tvm_model/crt_config/crt_config.h",
    str(MODEL / "metadata.json"),
    str(MODEL / "codegen/host/include/tvmgen_default.h"),
    str(MODEL / "codegen/host/src/default_lib0.c"),
    str(MODEL / "codegen/host/src/default_lib1.c"),
    str(MODEL / "runtime/espdl_conv2d.c"),
]


@pytest.fixture
def sample():
    return digits_arrays()["images"][:1]


@pytest.fixture
def project(tmp_path, sample):
    return library("digits", "esp32s3").export_project(tmp_path / "digits", sample_input=sample)


def test_layout(project):
    for name in LAYOUT:
        assert (project / name).is_file(), name
    network = (project / MODEL / "codegen/host/src/default_lib1.c").read_text()
    assert "tvmgen_default___tvm_main__(" in network
    assert "tvmgen_default_espdl_main_2(" in network
    assert "malloc" not in network
    header = (project / MODEL / "codegen/host/include/tvmgen_default.h").read_text()
    assert "float32 1x1x8x8" in header
    assert "TVMGEN_DEFAULT_ARENA_BYTES" in header


def test_the_line_of_the_docs_runs_it_on_the_pc(project, c_compiler):
    page = (Path(__file__).parents[2] / "docs" / "firmware.md").read_text()
    lines = next(block for block in page.split("```") if "-o on_pc" in block)
    done = subprocess.run(
        ["sh", "-ec", lines], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "PASS"


def test_same_input_gives_the_same_bytes(sample):
    one = compile_file(quantized_digits("esp32s3"))
    other = compile_file(quantized_digits("esp32s3"))
    assert project_of(one, sample) == project_of(other, sample)


def test_files_name_no_path_of_this_machine(project):
    files = [file for file in project.rglob("*") if file.is_file()]
    assert len(files) > 10
    for file in files:
        content = file.read_bytes()
        assert str(project.parent).encode() not in content
        assert str(Path.home()).encode() not in content


def test_metadata_describes_the_network(project):
    metadata = json.loads((project / MODEL / "metadata.json").read_text())
    assert metadata["inputs"] == [
        {"name": "input", "dtype": "float32", "shape": [1, 1, 8, 8], "exponent": None}
    ]
    assert metadata["arena_bytes"] >= metadata["arena_lower_bound"]
    assert metadata["versions"] == {
        "tvm-espdl": __version__,
        "esp-idf": ">=5.3",
        "esp-dl": "3.3.9",
    }
    assert metadata["sha256"]["network"].startswith(metadata["model_id"])
    assert metadata["flash"]["megabytes"] == 2
    names = {tensor["name"]: tensor for tensor in metadata["tensors"]}
    assert names["logits"]["exponent"] == -3


def test_existing_folder_is_never_touched(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "notes.txt").write_text("keep")
    with pytest.raises(OutputError, match="exists"):
        library("digits", "esp32s3").export_project(folder)
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_nothing_is_left_when_the_sample_is_wrong(tmp_path):
    with pytest.raises(DataError, match="shape"):
        library("digits", "esp32s3").export_project(tmp_path / "p", np.zeros((1, 3), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        library("digits", "esp32s3").export_project(tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def test_project_checks_itself(project, tmp_path, c_compiler):
    build_project(project, tmp_path / "program", c_compiler)
    metadata = json.loads((project / MODEL / "metadata.json").read_text())
    assert c_compiler.run(tmp_path / "program").splitlines() == [
        f"model {metadata['model_id']}",
        "output logits: 10 elements equal bit for bit",
        "PASS",
    ]


def test_project_reports_the_first_difference(project, tmp_path, c_compiler):
    expected = project / "main" / "output_data.h"
    values = library("digits", "esp32s3")(digits_arrays()["images"][:1])
    number = f"{values[0, 3]:g}"
    assert expected.read_text().count(f",{number}f") == 1
    expected.write_text(expected.read_text().replace(f",{number}f", ",99.0f"))
    build_project(project, tmp_path / "program", c_compiler)
    done = subprocess.run(
        [tmp_path / "program"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == [
        f"computed {shown(values[0, 3])}, expected {shown(np.float32(99))}",
        "FAIL: output logits differs first at [0, 3], element 3; 1 of 10 differ",
        "FAIL",
    ]


def shown(value):
    """A float as a firmware prints it."""
    digits, exponent = f"{value:.6e}".split("e")
    return f"{digits}e{int(exponent)} (bits {value.view(np.uint32):#010x})"


def test_dump_of_the_firmware_equals_the_host(project, tmp_path, c_compiler, sample):
    build_project(project, tmp_path / "program", c_compiler, defines=["TVM_ESPDL_DUMP"])
    log = tmp_path / "monitor.log"
    log.write_text(c_compiler.run(tmp_path / "program"))
    network = library("digits", "esp32s3")
    result = debug.compare(network, log, inputs=sample)
    assert result, result
    assert set(result.equal) == set(network.run_with_intermediates(sample)) - {"input_float"}
    metadata = json.loads((project / MODEL / "metadata.json").read_text())
    assert debug.read_dump(log).model_id == metadata["model_id"]


def test_networks_with_parts_for_tvm_run_in_c(c_compiler, tmp_path):
    """A float sine is TVM's: its C, its scratch memory and its constants are in the project."""
    rng = np.random.default_rng(3)
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 3, 6, 6])
    w = builder.weights(rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8), -7)
    y = builder.qdq(builder.node("Conv", x, w), -4)
    factor = builder.constant(rng.normal(size=(1, 4, 1, 1)).astype(np.float32))
    y = builder.node("Mul", builder.node("Sin", y), factor)
    builder.output(builder.node("Softmax", y, axis=1))
    network = compile_file(builder.model())
    rows = network.report().rows
    assert {(row.defined_by, row.kernel) for row in rows} == {
        ("ESP-DL", "esp-dl"),
        ("ESP-DL", "portable"),
        ("TVM", "tvm"),
    }
    project = network.export_project(tmp_path / "project")
    calls = json.loads((project / MODEL / "metadata.json").read_text())["calls"]
    assert [call["kernel"] for call in calls] == [row.kernel for row in rows]
    inputs = [[rng.normal(0, 4, (1, 3, 6, 6)).astype(np.float32)] for _ in range(4)]
    for sample, (output,) in zip(
        inputs, run_network(network.program, inputs, c_compiler), strict=True
    ):
        np.testing.assert_allclose(output, network(*sample), rtol=2e-6)


def test_float_network_runs_in_c(c_compiler, rv32):
    from tvm_espdl.demo import DATA

    with pytest.warns(UserWarning, match="no part of the network is quantized"):
        network = compile_file(DATA / "digits_cnn.onnx")
    images = digits_arrays()["images"][:2]
    inputs = [[image[None]] for image in images]
    for compiler in (c_compiler, rv32):
        for sample, (output,) in zip(
            inputs, run_network(network.program, inputs, compiler), strict=True
        ):
            np.testing.assert_allclose(output, network(*sample), rtol=1e-4, atol=1e-4)
