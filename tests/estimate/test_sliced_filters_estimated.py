"""What filters in slices are said to gain: layer by layer, and of a published network."""

import json

import numpy as np
import pytest
from qdq_builder import QdqBuilder

from tvm_espdl.chips import CHIPS, find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.espdl import load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.estimate import Settings, evaluate

WHOLE = Settings(filters="whole")


def network(depth=256, channels=256, size=10, kernel=3):
    """One convolution, with a filter of 576 KB by default."""
    builder = QdqBuilder(np.int8)
    x = builder.quantized_input("x", [1, depth, size, size])
    rng = np.random.default_rng(3)
    w = builder.weights(rng.integers(-9, 9, (channels, depth, kernel, kernel)).astype("int8"), -7)
    builder.output(builder.qdq(builder.node("Conv", x, w, pads=[kernel // 2] * 4), -4))
    return builder.model()


@pytest.mark.parametrize("chip", CHIPS)
def test_large_filters_are_fetched_once(chip):
    lib = compile_file(network(), chip)
    sliced, whole = evaluate(lib), evaluate(lib, WHOLE)
    with_vectors = bool(CHIPS[chip].vector_bytes)
    conv, as_whole = (
        next(node for node in estimate.nodes if node.operator == "conv2d")
        for estimate in (sliced, whole)
    )
    assert as_whole.slices == 1
    assert conv.slices == (16 if with_vectors else 1)
    assert (conv.flash_bytes, conv.live_bytes) == (as_whole.flash_bytes, as_whole.live_bytes)
    told = any("in slices" in text for text in sliced.figures.extrapolations)
    assert told == with_vectors
    if not with_vectors:
        assert sliced.milliseconds == whole.milliseconds
        return
    nbytes = 256 * 256 * 9
    assert nbytes <= conv.fetched_bytes < 1.02 * nbytes
    assert as_whole.fetched_bytes > 50 * nbytes
    assert sliced.milliseconds < 0.25 * whole.milliseconds
    assert conv.parts["instructions"] > as_whole.parts["instructions"]
    assert conv.parts["instructions"] < 1.1 * as_whole.parts["instructions"]


def test_slices_are_shown():
    lib = compile_file(network(), "esp32s3")
    sliced, whole = evaluate(lib), evaluate(lib, WHOLE)
    assert "conv2d, 16 slices" in sliced.text()
    assert "conv2d, 16 slices" in sliced.html()
    assert 16 in [node["slices"] for node in json.loads(sliced.to_json())["nodes"]]
    assert not any("parts of the output channels" in one.what for one in sliced.advice)
    assert "16 slices" not in whole.text()
    (advice,) = [one for one in whole.advice if "in slices" in one.what]
    assert "TVM_ESPDL_WHOLE_FILTERS" in advice.paste
    gain = whole.milliseconds - sliced.milliseconds
    assert advice.milliseconds == pytest.approx(gain)


def test_slices_that_do_not_fit_a_smaller_cache_are_fetched_again():
    lib = compile_file(network(), "esp32s3")
    small = evaluate(lib, Settings(data_cache_kb=16))
    conv = next(node for node in small.nodes if node.operator == "conv2d")
    assert conv.slices == 16  # as exported, for the cache that projects set
    assert conv.fetched_bytes > 50 * 256 * 256 * 9


@pytest.mark.parametrize(("chip", "least"), [("esp32s3", 1.9), ("esp32p4", 1.2), ("esp32s31", 1.5)])
def test_mobilenet_gains(models_dir, chip, least):
    """No layer is said to lose more than what its loops take; the whole network gains."""
    short = "s3" if chip == "esp32s3" else "p4"
    name = f"imagenet_cls_models_{short}_imagenet_cls_mobilenetv2_s8_v1.espdl"
    program = program_of(load(models_dir / "espdl" / name), find_chip(chip))
    sliced, whole = evaluate(program), evaluate(program, WHOLE)
    assert whole.milliseconds > least * sliced.milliseconds
    for one, other in zip(sliced.nodes, whole.nodes, strict=True):
        assert (one.tensor, one.writes, one.macs) == (other.tensor, other.writes, other.macs)
        assert one.milliseconds <= 1.02 * other.milliseconds + 0.05, one.tensor
        if one.slices > 1:
            assert one.milliseconds < 0.9 * other.milliseconds, one.tensor
