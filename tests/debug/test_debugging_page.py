"""docs/debugging.md: its sessions are what the command prints, its table is the code's."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from broken_firmware import firmware_log
from broken_lines import MISTAKES
from networks import digits_arrays, library, quantized_digits

from tvm_espdl.cli import main
from tvm_espdl.debug.explanations import EXPLANATIONS

PAGE = Path(__file__).parents[2] / "docs" / "debugging.md"


def part(name):
    """What the page has between two marks."""
    return re.search(
        rf"<!-- {re.escape(name)} -->\n(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL
    )[1]


def table():
    rows = [f"| `{one.name}` | {one.sentence} | {one.remedy} |" for one in EXPLANATIONS]
    return "\n".join(
        ["", "| explanation | what happened | what to do |", "| --- | --- | --- |", *rows, "", ""]
    )


def test_the_table_is_that_of_the_code():
    assert part("explanations") == table()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The model, an image, and what two firmwares print of it."""
    folder = tmp_path_factory.mktemp("session")
    onnx.save(quantized_digits("esp32s3"), folder / "digits_quantized.onnx")
    image = digits_arrays()["images"][:1]
    np.save(folder / "x.npy", image)
    network = library("digits", "esp32s3")
    _, _, *changes = MISTAKES["no bias"]
    firmware_log(network, [image], folder / "no bias", changes)
    firmware_log(network, [(image + 1) / 2], folder / "another range")
    return folder


SESSIONS = {
    "no bias": ("no bias", [], 1),
    "the dump's own input": ("another range", [], 0),
    "the application's input": ("another range", ["--input", "x.npy"], 1),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_the_session_is_what_is_printed(name, files, c_compiler, capsys, monkeypatch):
    log, more, status = SESSIONS[name]
    monkeypatch.chdir(files)
    (files / "monitor.log").write_bytes((files / log / "monitor.log").read_bytes())
    command = ["compare", "--model_path", "digits_quantized.onnx", "--dump", "monitor.log", *more]
    assert main(command) == status
    printed = capsys.readouterr().out
    assert part(f"session: {name}") == f"\n```\n$ tvm-espdl {' '.join(command)}\n{printed}```\n\n"
