"""The examples run, and do what they say."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_digits(chip, tmp_path, capsys):
    found = load("digits").main(chip, tmp_path / "project")
    assert found["float"] > 0.98
    assert found["int8"] >= found["float"] - 0.004
    assert found["int8 and int16"] >= found["float"] - 0.004
    assert "int8 and int16" in capsys.readouterr().out
    assert (tmp_path / "project" / "main" / "app_main.c").is_file()
