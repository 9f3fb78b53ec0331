"""The table of kernels: complete, consistent with the operators, and what users may ask for."""

from pathlib import Path

import pytest
from networks import library

from tvm_espdl.chips import CHIPS
from tvm_espdl.codegen.implementations import GLUE
from tvm_espdl.codegen.literals import kernel_source
from tvm_espdl.errors import EspdlError
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program.kernels import TABLE, choice, choice_of_step, row_of
from tvm_espdl.report.kernel_page import kernels_markdown


def test_every_operator_has_one_row_for_each_type():
    assert {name for row in TABLE for name in row.operators} == set(operators())
    for name in operators():
        for dtype in ("int8", "int16"):
            assert row_of(name, dtype).why
        if name != "prelu":
            assert row_of(name, "float32").why


@pytest.mark.parametrize(
    ("name", "dtype", "chips"),
    [
        ("maximum", "int8", {"esp32p4", "esp32s31"}),
        ("prelu", "int8", {"esp32s3", "esp32p4", "esp32s31"}),
        ("prelu", "int16", {"esp32s3"}),
        ("mul", "int16", {"esp32s3", "esp32p4", "esp32s31"}),
    ],
)
def test_where_esp_dl_has_vectors(name, dtype, chips):
    row = row_of(name, dtype)
    assert {chip.name for chip in CHIPS.values() if chip.family in row.families} == chips


def test_tables_with_every_integer_are_ours():
    tensor = Tensor("int16", (1, 8), -4)
    kernels = [
        choice(operators()["lut"](tensor, tensor, "f", step), CHIPS["esp32s3"]).kernel
        for step in (1, 16)
    ]
    assert kernels == ["portable", "esp-dl"]


@pytest.mark.parametrize(("chip", "kernel"), [("esp32s3", "esp-dl"), ("esp32c3", "portable")])
def test_clips_are_limited_in_vectors_where_the_exponent_stays(chip, kernel):
    tensor, other = Tensor("int8", (1, 32), -4), Tensor("int8", (1, 32), -3)
    clip = operators()["clip"]
    assert choice(clip(tensor, tensor, 0, 96), CHIPS[chip]).kernel == kernel
    assert choice(clip(tensor, other, 0, 96), CHIPS[chip]).kernel == "portable"
    assert choice(clip(tensor, tensor, 0, 96), CHIPS[chip], "portable").kernel == "portable"


def test_esp_dl_is_called_where_it_has_vectors_and_nowhere_else():
    for name, kind in operators().items():
        kernels = {row_of(name, dtype).kernel for dtype in ("int8", "int16")}
        assert ("esp-dl" in kernels) == kind.has_vector_kernel, name
        assert kind.in_esp_dl() or kernels == {"portable"}, name


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("preference", ["auto", "esp-dl", "portable"])
def test_choice_follows_chip_and_preference(chip, preference):
    program = library("digits", chip).program
    kernels = {
        step.operator.name: choice_of_step(step, program.chip, preference).kernel
        for step in program.steps
    }
    wanted = preference == "esp-dl" or (preference == "auto" and CHIPS[chip].vector_bytes)
    assert kernels["conv2d"] == kernels["gemm"] == ("esp-dl" if wanted else "portable")
    assert kernels["average_pool2d"] == kernels["quantize"] == "portable"


def test_asked_for_esp_dl_on_a_chip_without_vectors_the_table_says_why_not():
    tensor = Tensor("int8", (1, 8, 8), -4)
    refused = choice(operators()["matmul"](tensor, tensor, tensor), CHIPS["esp32c3"], "esp-dl")
    assert refused.kernel == "portable"
    assert "vectors alone" in refused.why
    given = choice(operators()["add"](tensor, tensor, tensor), CHIPS["esp32c3"], "esp-dl")
    assert (given.kernel, given.why) == ("esp-dl", "ESP-DL's kernels were asked for")


@pytest.mark.parametrize("wrong", ["esp_dl", "Portable", ""])
def test_an_unknown_preference_is_refused_and_nothing_is_written(wrong, tmp_path):
    network = library("digits", "esp32s3")
    with pytest.raises(EspdlError, match="allowed: auto, esp-dl, portable"):
        network.export_project(tmp_path / "project", kernels=wrong)
    assert not list(tmp_path.iterdir())
    with pytest.raises(EspdlError, match="allowed: auto, esp-dl, portable"):
        network.report(kernels=wrong)


def test_calls_that_share_a_symbol_share_a_row():
    """A symbol is defined once in a project."""
    rows = {}
    for name in ("conv1d", "conv2d", "gemm", "depthwise_conv1d", "depthwise_conv2d"):
        symbol = "depthwise" if name.startswith("depthwise") else "conv2d"
        row = row_of(name, "int8")
        assert rows.setdefault(symbol, (row.kernel, row.without_vectors)) == (
            row.kernel,
            row.without_vectors,
        )


def test_every_kernel_of_esp_dl_has_its_glue():
    shared = {"conv1d": "conv2d", "gemm": "conv2d", "depthwise_conv1d": "depthwise_conv2d"}
    wanted = {
        kernel_source(f"espdl_{shared.get(name, name)}_s8")
        for row in TABLE
        if row.kernel == "esp-dl"
        for name in row.operators
    }
    assert {Path(source).stem for source in wanted} == {file.stem for file in GLUE.glob("*.cpp")}


def test_page_is_current():
    page = Path(__file__).parents[2] / "docs" / "kernels.md"
    assert page.read_text() == kernels_markdown(), "run `python scripts/make_docs.py`"
