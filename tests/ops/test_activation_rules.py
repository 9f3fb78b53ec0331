"""Each rule of the activation functions: kept by one record, broken by another."""

import dataclasses

import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators

FUNCTIONS = (
    *("elu", "exp", "hard_sigmoid", "hard_swish", "leaky_relu"),
    *("log", "sigmoid", "sqrt", "swish", "tanh"),
)
S3, P4, PLAIN = (find_chip(name) for name in ("esp32s3", "esp32p4", "esp32"))


def broken(operator, chip=S3):
    return [refusal.rule for refusal in operator.refusals(chip)]


def tensor(dtype="int8", exponent=-4, shape=(1, 2, 3, 8)):
    return Tensor(dtype, shape, exponent)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function = operators()[name]
    for dtype in ("int8", "int16"):
        assert not broken(function(tensor(dtype, -30), tensor(dtype, 30)))
    assert broken(function(tensor(), tensor("int16"))) == ["types_are_equal"]
    assert broken(function(tensor("int32"), tensor("int32"))) == ["types_are_equal"]
    assert broken(function(tensor(exponent=-31), tensor())) == ["exponents_fit_shifts"]
    assert broken(function(tensor(), tensor(exponent=31))) == ["exponents_fit_shifts"]


def test_lut():
    lut = operators()["lut"]
    assert not broken(lut(tensor(), tensor(), "exp"))
    assert not broken(lut(tensor("int16"), tensor("int16"), "exp", 256))
    assert broken(lut(tensor(), tensor(), "exp", 2)) == ["step_is_power_of_two"]
    for step in (0, 24, 65536):
        record = lut(tensor("int16"), tensor("int16"), "exp", step)
        assert broken(record) == ["step_is_power_of_two"]
    assert broken(lut(tensor(), tensor("int16"))) == ["types_are_equal"]


def prelu(dtype="int8", **changes):
    alpha = Tensor(dtype, (8,), -7 if dtype == "int8" else -15)
    record = operators()["prelu"](tensor(dtype), tensor(dtype), alpha, 64)
    return dataclasses.replace(record, **changes)


@pytest.mark.parametrize("chip", (S3, P4, PLAIN))
@pytest.mark.parametrize("dtype", ("int8", "int16"))
def test_prelu_that_runs(dtype, chip):
    assert not broken(prelu(dtype), chip)


@pytest.mark.parametrize("shape", ((1, 6, 8), (2, 2, 3, 8)))
def test_prelu_of_one_image(shape):
    image = tensor(shape=shape)
    assert broken(prelu(x=image, y=image)) == ["input_is_one_image"]


def test_prelu_factors():
    for alpha in (
        Tensor("int8", (4,), -7),
        Tensor("int16", (8,), -7),
        Tensor("int8", (8,), (-7,) * 8),
    ):
        assert broken(prelu(alpha=alpha)) == ["alpha_fits_channels"]


def test_prelu_of_other_exponents():
    coarser = {"y": tensor(exponent=-3)}
    assert not broken(prelu(**coarser), S3)
    assert not broken(prelu(**coarser), P4)
    assert broken(prelu(**coarser), PLAIN) == ["positive_values_are_copied"]
    for chip in (S3, P4, PLAIN):
        record = prelu("int16", y=tensor("int16", -3))
        assert broken(record, chip) == ["positive_values_are_copied"]


def test_prelu_shifts():
    assert broken(prelu(y=tensor(exponent=-11), alpha=Tensor("int8", (8,), -9))) == [
        "scale_fits_int8"
    ]
    assert not broken(prelu(y=tensor(exponent=-10), alpha=Tensor("int8", (8,), -9)))
    for exponent in (1, -32):
        assert broken(prelu(alpha=Tensor("int8", (8,), exponent))) == ["shift_fits"]


def test_prelu_that_wraps():
    steep = Tensor("int8", (8,), -5)
    assert not broken(prelu(alpha=steep, steepest=31), P4)
    assert broken(prelu(alpha=steep, steepest=32), P4) == ["products_do_not_wrap"]
    assert not broken(prelu(alpha=steep, steepest=127), S3)
    assert not broken(prelu(alpha=steep, steepest=127), PLAIN)
    steep = Tensor("int16", (8,), -13)
    assert broken(prelu("int16", alpha=steep, steepest=9000), S3) == ["products_do_not_wrap"]
    assert not broken(prelu("int16", alpha=steep, steepest=9000), P4)
