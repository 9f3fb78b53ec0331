"""`--psram` and `--chip_revision`: what a project becomes for the board that a user has."""

import json

import pytest
from networks import library, quantized_digits

from tvm_espdl.cli import main
from tvm_espdl.errors import ModelError

COMPONENT = "components/tvm_model"


def project(tmp_path, chip, **options):
    folder = library("digits", chip).export_project(tmp_path / "p", kernels="portable", **options)
    return lambda name: (folder / name).read_text()


def test_psram_of_a_board_is_switched_on_without_need(tmp_path):
    text = project(tmp_path, "esp32s3", psram="quad")
    lines = text("sdkconfig.defaults.esp32s3").splitlines()
    wanted = ("SPIRAM", "SPIRAM_MODE_QUAD", "SPIRAM_XIP_FROM_PSRAM")
    assert {f"CONFIG_{name}=y" for name in wanted} <= set(lines)
    assert "PRIV_REQUIRES esp_psram" in text(f"{COMPONENT}/CMakeLists.txt")


def test_a_network_stays_out_of_psram_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match="internal RAM"):
        project(tmp_path, "esp32s3", psram="none", internal_ram=256)
    assert list(tmp_path.iterdir()) == []


def test_a_network_larger_than_any_flash_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tvm_espdl.codegen.flash.app_bytes", lambda megabytes: 1000)
    with pytest.raises(ModelError, match=r"does not fit the flash; found: [0-9]+ bytes"):
        project(tmp_path, "esp32")
    assert list(tmp_path.iterdir()) == []


def test_older_silicon_gets_firmware_of_its_own(tmp_path):
    text = project(tmp_path, "esp32p4", chip_revision="1")
    assert "\nCONFIG_ESP32P4_SELECTS_REV_LESS_V3=y\n" in text("sdkconfig.defaults.esp32p4")
    assert 'idf: ">=5.3"' in text(f"{COMPONENT}/idf_component.yml")
    metadata = json.loads(text(f"{COMPONENT}/model/metadata.json"))
    assert metadata["versions"]["esp-idf"] == ">=5.3"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--chip_revision", "2"), "allowed: 0"),
        (("--psram", "octal"), "allowed: auto, none"),
        (("--psram", "none", "--format", "espdl"), "--psram with --format project"),
    ],
)
def test_what_no_board_has_is_refused(options, told, tmp_path, capsys):
    model = tmp_path / "m.onnx"
    model.write_bytes(quantized_digits("esp32c3").SerializeToString())
    arguments = ["export", "--model_path", str(model), "--out_path", str(tmp_path / "p")]
    assert main([*arguments, "--target_chip", "esp32c3", *options]) == 2
    assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
