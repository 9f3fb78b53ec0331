"""The choice of an exponent, against an independent statement of the same rule."""

import numpy as np
import pytest
from qdq_networks import exponent_by_search

from tvm_espdl.quantize.exponents import (
    EXPONENT_OF_ZERO,
    LOWEST_EXPONENT,
    channel_exponents,
    quantize,
    round_to_integer,
    smallest_exponent,
)

ROUNDINGS = ["half_up", "half_even"]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 127.0, 0),
        (0.0, 127.49, 0),
        (0.0, 127.5, 1),
        (0.0, np.nextafter(127.5, 0), 0),
        (-128.0, 0.0, 0),
        (-128.5, 0.0, 0),
        (-128.51, 0.0, 1),
        (-128.5, 127.5, 1),
        (0.0, 1.0, -6),
        (-1.0, 0.0, -7),
        (-1.0, 127 / 128, -7),
        (-255.0, 1.0, 1),
        (0.0, 255.0, 2),
        (0.0, 254.9, 1),
    ],
)
def test_edges_and_ties(low, high, expected, rounding):
    assert smallest_exponent(low, high, 8, rounding) == expected
    assert smallest_exponent(low / 64, high / 64, 8, rounding) == expected - 6


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_against_the_search(rounding):
    generator = np.random.default_rng(7)
    for _ in range(500):
        low, high = np.sort(generator.normal(size=2) * 2.0 ** generator.integers(-20, 20))
        assert smallest_exponent(low, high, 8, rounding) == exponent_by_search(low, high)


@pytest.mark.parametrize("bits", [8, 16, 20, 32])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_is_the_smallest(bits, rounding):
    generator = np.random.default_rng(bits)
    top = 2 ** (bits - 1)
    for value in generator.normal(size=50) * 1000:
        exponent = smallest_exponent(value, value, bits, rounding)
        fits = [
            -top <= round_to_integer(np.array(value) / 2.0**e, rounding) <= top - 1
            for e in (exponent - 1, exponent)
        ]
        assert fits == [False, True]


def test_zero_and_tiny_values():
    assert smallest_exponent(0.0, 0.0, 8, "half_up") == EXPONENT_OF_ZERO == -7
    assert smallest_exponent(-1e-30, 1e-30, 8, "half_up") == LOWEST_EXPONENT


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("half_up", [-2, -1, 0, 1, 2, 3]), ("half_even", [-2, -2, 0, 0, 2, 2])],
)
def test_ties(rounding, expected):
    ties = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    assert round_to_integer(ties, rounding).tolist() == expected
    assert quantize(ties / 8, -3, 8, rounding).tolist() == expected


def test_quantize_saturates_and_broadcasts():
    assert quantize(np.array([1e9, -1e9]), 0, 8, "half_up").tolist() == [127, -128]
    exponents = np.array([[0], [1]])
    values = np.array([[4.0, 6.0], [4.0, 6.0]])
    assert quantize(values, exponents, 8, "half_up").tolist() == [[4, 6], [2, 3]]


def test_a_channel_of_zeros_takes_the_smallest_exponent():
    rows = np.array([[1.0, -0.5], [0.0, 0.0], [0.25, 0.1]])
    assert channel_exponents(rows, 8, "half_up").tolist() == [-6, -8, -8]
    assert channel_exponents(np.zeros((2, 3)), 8, "half_up").tolist() == [-7, -7]
