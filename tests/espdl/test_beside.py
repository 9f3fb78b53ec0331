"""The texts beside a file, against ESP-PPQ's own for the same models."""

import dataclasses
import json
import random

import numpy as np
import pytest
from published import chip_of_path
from small_models import addition, convolution

from tvm_espdl.errors import ModelError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.info import FEW, array_text, info_of
from tvm_espdl.espdl.settings import settings_of


def test_info_is_that_of_esp_ppq_to_the_character(models_dir):
    texts = sorted((models_dir / "quantized").glob("*/*/*.info"))
    assert len(texts) == 2
    for path in texts:
        assert info_of(load(path.with_suffix(".espdl")).model) == path.read_text()


def test_info_shows_the_metadata():
    text = info_of(addition(metadata={"target": "esp32p4", "model_id": "7"}))
    assert "metadata_props:\ntarget: esp32p4\nmodel_id: 7\n" in text


def test_arrays_are_written_as_numpy_does():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(40):
        dtype = np.dtype(str(rng.choice(["int8", "uint8", "int16", "int32", "int64"])))
        largest = min(int(10 ** rng.uniform(0, 18)), np.iinfo(dtype).max)
        least = max(-largest, np.iinfo(dtype).min) if rng.random() < 0.7 else 0
        size = int(rng.integers(FEW - 2, FEW + 80))
        array = rng.integers(least, largest, size, endpoint=True).astype(dtype)
        with np.printoptions(threshold=size):
            assert array_text(array) == repr(array)
    floats = rng.normal(size=5).astype(np.float32)
    assert array_text(floats) == repr(floats)


def stated(path):
    """The model, saying its chip, which files of ESP-PPQ do not."""
    model = load(path).model
    return dataclasses.replace(model, metadata={"target": chip_of_path(path)})


def test_json_has_the_layout_and_the_numbers_of_esp_ppq(models_dir):
    """All but `state`, which tells how ESP-PPQ came to a scale, and inputs that it never learnt."""
    compared = 0
    for path in sorted((models_dir / "quantized").glob("*/*/*.json")):
        if "w8a16" in path.parent.name:
            continue
        theirs, ours = (
            json.loads(path.read_text()),
            json.loads(settings_of(stated(path.with_suffix(".espdl")))),
        )
        assert set(ours) == set(theirs)
        assert set(ours["configs"]) == set(theirs["configs"])
        assert set(ours["dispatchings"]) == set(theirs["dispatchings"])
        for node, variables in theirs["configs"].items():
            assert set(ours["configs"][node]) == set(variables)
            for name, config in variables.items():
                mine = ours["configs"][node][name]
                assert list(mine) == list(config)
                for key in ("bit_width", "policy", "quant_min", "quant_max"):
                    assert mine[key] == config[key], f"{path}: {node}, {name}"
                scale = theirs["values"].get(str(config["dominator"]))
                if scale is not None:
                    assert ours["values"][str(mine["dominator"])] == scale
                    compared += 1
    assert compared > 200


def test_json_names_the_chip_and_the_width(models_dir):
    wanted = {"c_w8a8": "ESPDL_C_INT8", "esp32p4_w8a8": "ESPDL_INT8"}
    wanted |= {"esp32s3_w8a8": "ESPDL_S3_INT8", "esp32s3_w16a16": "ESPDL_S3_INT16"}
    for folder, platform in wanted.items():
        path = models_dir / "quantized" / "digits_cnn" / folder / "digits_cnn.espdl"
        assert set(json.loads(settings_of(stated(path)))["dispatchings"].values()) == {platform}


def test_json_is_the_same_each_time_and_needs_a_chip():
    model = convolution(metadata={"target": "esp32s3"})
    assert settings_of(model) == settings_of(model)
    with pytest.raises(ModelError, match="does not say which chip"):
        settings_of(convolution())


def test_settings_of_a_file_that_calls_its_chip_as_esp_ppq_does():
    named = {chip: settings_of(convolution(metadata={"chip": chip})) for chip in ("c", "esp32")}
    assert named["c"] == named["esp32"]
