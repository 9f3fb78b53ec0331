"""One call for a network at every stage, and the axes of images."""

import numpy as np
import pytest
from networks import digits_arrays, library, quantized_digits
from qdq_networks import network, node

import tvm_espdl
from tvm_espdl.compilation import compile_file
from tvm_espdl.demo import DATA
from tvm_espdl.errors import DataError


def test_three_stages_take_and_give_the_same(tmp_path):
    image = digits_arrays()["images"][:1]
    floats = tvm_espdl.inference([image], DATA / "digits_cnn.onnx")
    quantized = tvm_espdl.inference([image], quantized_digits("esp32s3"))
    compiled = tvm_espdl.inference(image, library("digits", "esp32s3"))
    path = library("digits", "esp32s3").save_espdl(tmp_path / "digits.espdl")
    read = compile_file(path, "esp32s3")
    zeros = np.zeros(read.program.values[read.program.inputs[0]].shape, np.int8)
    (integers,) = tvm_espdl.inference([zeros], path, chip="esp32s3")
    assert [a.shape for a in floats] == [a.shape for a in quantized]
    np.testing.assert_array_equal(quantized[0], compiled[0])
    assert quantized[0].argmax() == floats[0].argmax()
    assert integers.dtype == np.int8


def test_names_say_which_input_is_which():
    model = network([node("Sub", "a b", "y")], {"a": [2], "b": [2]}, {"y": [2]})
    one, two = np.float32([5, 7]), np.float32([1, 2])
    expected = one - two
    for inputs, names in (
        ([one, two], None),
        ([two, one], ["b", "a"]),
        ({"b": two, "a": one}, None),
    ):
        (found,) = tvm_espdl.inference(inputs, model, input_names=names)
        np.testing.assert_array_equal(found, expected)
    for inputs, names in (([one], None), ([one, two], ["a", "c"])):
        with pytest.raises(DataError, match="inputs"):
            tvm_espdl.inference(inputs, model, input_names=names)


def test_channels_move_and_come_back():
    image = np.arange(2 * 3 * 5 * 4).reshape(2, 3, 5, 4)
    moved = tvm_espdl.channel_last_to_first(image)
    assert moved.shape == (2, 4, 3, 5)
    assert moved[1, 2, 0, 3] == image[1, 0, 3, 2]
    np.testing.assert_array_equal(tvm_espdl.channel_first_to_last(moved), image)
    with pytest.raises(DataError, match="no image"):
        tvm_espdl.channel_last_to_first(np.zeros((3, 4)))
