"""Resizes of images and signals from ONNX to operators; pools of signals."""

import numpy as np
import pytest
from qdq_rearrangement import (
    IMAGE,
    assert_left_to_tvm,
    assert_onnx,
    axes,
    compiled,
    feed,
    natives_of,
    one,
    onnx_results,
    operators_of,
)

from tvm_espdl.errors import ModelError

SIGNAL = (1, 16, 7)
STEP = 2.0**-4
ASYMMETRIC = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}


def resized(scales=None, sizes=None, **attributes):
    given = [None, None if scales is None else np.array(scales, np.float32)]
    given += [] if sizes is None else [axes(*sizes)]
    return one("Resize", *given, **attributes)


def nearest(*scales, **attributes):
    return resized((1, 1, *scales), **{**ASYMMETRIC, **attributes})


def linear(*sizes, coordinates="half_pixel", shape=IMAGE, **attributes):
    mode = {"mode": "linear", "coordinate_transformation_mode": coordinates}
    return resized(sizes=(*shape[:2], *sizes), shape=shape, **mode, **attributes)


# name -> (operator, model, tolerance)
POSITIVE = {
    "nearest twice": ("resize_nearest", nearest(2, 2), 0),
    "nearest twice, few channels": ("resize_nearest", nearest(2, 2, shape=(1, 3, 4, 5)), 0),
    "nearest": ("resize_nearest", nearest(3, 2), 0),
    "nearest, smaller": ("resize_nearest", nearest(0.5, 1), 0),
    "nearest at another exponent": ("resize_nearest", nearest(2, 2, exponent=-3), 2 * STEP),
    "nearest of a signal": ("resize_nearest", nearest(2, shape=SIGNAL), 0),
    "linear": ("resize_linear", linear(12, 7), STEP),
    "linear, corners aligned": ("resize_linear", linear(9, 4, coordinates="align_corners"), STEP),
    "linear as PyTorch has it": (
        "resize_linear",
        linear(9, 10, coordinates="pytorch_half_pixel"),
        STEP,
    ),
    "linear of a signal": ("resize_linear", linear(12, shape=SIGNAL), STEP),
    "max pool of a signal": (
        "max_pool2d",
        one("MaxPool", shape=SIGNAL, kernel_shape=[3], pads=[1, 0], strides=[2]),
        0,
    ),
    "average pool of a signal": (
        "average_pool2d",
        one("AveragePool", shape=SIGNAL, kernel_shape=[4]),
        STEP,
    ),
    "global average pool of a signal": (
        "average_pool2d",
        one("GlobalAveragePool", shape=SIGNAL),
        STEP,
    ),
}

# name -> (rule, model)
NEGATIVE = {
    "nearest at half pixels": (
        "coordinates_are_asymmetric",
        nearest(2, 2, coordinate_transformation_mode="half_pixel"),
    ),
    "nearest, rounded up": ("coordinates_are_asymmetric", nearest(2, 2, nearest_mode="ceil")),
    "nearest, few channels": ("channels_fill_a_vector", nearest(3, 3, shape=(1, 8, 4, 4))),
    "linear, asymmetric": ("coordinates_are_known", linear(12, 10, coordinates="asymmetric")),
    "linear of one row": ("has_two_pixels", linear(4, 10, shape=(1, 16, 1, 5))),
    "int16": ("type_is_int8", nearest(2, 2, dtype=np.int16)),
}


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
@pytest.mark.parametrize("name", POSITIVE)
def test_node_becomes_the_operator(name, chip):
    operator, model, tolerance = POSITIVE[name]
    library = compiled(model, chip)
    assert operator in operators_of(library), str(library.report())
    assert not natives_of(library)
    if chip == "esp32" and "exponent" in name:
        return  # its result wraps where others saturate
    assert_onnx(model, library, tolerance)


@pytest.mark.parametrize("name", NEGATIVE)
def test_refused_node_stays_with_tvm(name):
    rule, model = NEGATIVE[name]
    assert_left_to_tvm(model, rule)


def test_few_channels_run_on_chips_without_vectors():
    _, model = NEGATIVE["nearest, few channels"]
    assert "resize_nearest" in operators_of(compiled(model, "esp32c3"))


def test_scale_that_does_not_divide_is_kept():
    """TVM's importer would compute with the sizes' ratio; here it stays a choice of pixels."""
    model = nearest(1.5, 1.5, shape=(1, 16, 5, 7))
    library = compiled(model)
    assert "resize_nearest" not in operators_of(library)
    assert not natives_of(library)
    x = np.random.default_rng(0).normal(0, 3, (1, 16, 5, 7)).astype(np.float32)
    rows = (np.arange(7) / 1.5).astype(int)
    columns = (np.arange(10) / 1.5).astype(int)
    quantized = np.clip(np.floor(x * 16 + 0.5), -128, 127) / 16
    np.testing.assert_array_equal(library(x), quantized[:, :, rows][..., columns])


@pytest.mark.parametrize("shape", [(1, 2, 5, 7), (1, 1, 1, 20_001)])
def test_linear_by_a_scale_that_does_not_divide(shape):
    """Two neighbours each, and no matrix of all pixels of a row."""
    mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    model = resized((1, 1, 1.5, 1.25), shape=shape, **mode)
    library = compiled(model)
    elements = sum(library.program.values[name].size for name in library.program.constants)
    assert natives_of(library) and elements < 10 * np.prod(shape)
    (x,) = feed(library)
    (expected,), (result,) = onnx_results(model, library, [x]), library.run([x])
    np.testing.assert_allclose(result, expected, rtol=0, atol=STEP)


def test_antialiasing_is_an_error():
    model = linear(3, 3, opset=18, antialias=1)
    with pytest.raises(ModelError, match="antialias"):
        compiled(model)
