"""`check` of a float model tells why the quantizer would leave an operator float."""

import json

import numpy as np
import onnx
import pytest
from qdq_networks import floats, network, node

from tvm_espdl.cli import main

CUBIC, UNKNOWN = "the chip has no mode cubic", "no rule quantizes this operator"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    constants = {
        **{"w": floats(4, 4, 1, 1), "v": floats(4, 4, 1, 1)},
        **{"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 2], np.float32)},
    }
    nodes = [
        *(node("Conv", "x w", "a", name="first"), node("Erf", "a", "b", name="<erf>")),
        node("Resize", "b r s", "u", name="up", mode="cubic"),
        node("Conv", "u v", "y", name="last"),
    ]
    path = tmp_path_factory.mktemp("model") / "float.onnx"
    onnx.save(network(nodes, {"x": (1, 4, 5, 5)}, {"y": (1, 4, 10, 10)}, constants), path)
    return str(path)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_the_reasons_are_the_quantizers(model, chip, capsys):
    assert main(["check", model, "--target_chip", chip]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"left float, because {CUBIC}: up (Resize)" in text
    assert f"left float, because {UNKNOWN}: <erf> (Erf)" in text
    # Not that it has to be quantized, which nobody can do.
    assert "inputs and the result" not in text


def test_they_are_in_json_and_on_the_page(model, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["check", model, "--json", "--html", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)["left_float"]
    assert [(entry["name"], entry["reason"]) for entry in found] == [
        ("<erf>", UNKNOWN),
        ("up", CUBIC),
    ]
    written = page.read_text()
    assert CUBIC in written
    assert "&lt;erf&gt;" in written
    assert "<erf>" not in written
    assert main(["check", model, "--json", "--as-is"]) == 0
    assert json.loads(capsys.readouterr().out)["left_float"] == []
