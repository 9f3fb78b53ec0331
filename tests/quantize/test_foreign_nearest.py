"""The nearest exponent of a range, against a numerical integral of the error it expects."""

import numpy as np
import pytest

from tvm_espdl.quantize.foreign.nearest import expected_error, nearest_exponent

SEED = 74
RNG = np.random.default_rng(SEED)


def measured_error(low, high, exponent, bits):
    """Saturation by the trapezoidal rule beyond both limits, and rounding as step**2 / 12."""
    deviation = max(-low, high) / 4
    step = 2.0**exponent
    total = step**2 / 12
    for cut, end in (((2 ** (bits - 1) - 1) * step, high), (2 ** (bits - 1) * step, -low)):
        if cut < end:
            x = np.linspace(cut, end, 2001)
            density = np.exp(-((x / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
            error = (x - cut) ** 2 * density
            total += (error[1:] + error[:-1]).sum() / 2 * (x[1] - x[0])
    return total


@pytest.mark.parametrize("bits", [8, 16])
def test_the_expected_error(bits):
    for _ in range(40):
        low, high = -RNG.uniform(0, 4), RNG.uniform(0.5, 4)
        exponent = int(np.ceil(np.log2(high))) - bits + int(RNG.integers(0, 3))
        wanted = measured_error(low, high, exponent, bits)
        found = expected_error(low, high, exponent, bits)
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-15), (low, high, exponent, SEED)


@pytest.mark.parametrize("bits", [8, 16])
def test_no_other_exponent_is_expected_to_be_better(bits):
    for _ in range(100):
        low, high = -np.exp(RNG.uniform(-6, 4)), np.exp(RNG.uniform(-6, 4))
        found = nearest_exponent(low, high, bits)
        errors = {e: measured_error(low, high, e, bits) for e in range(found - 2, found + 3)}
        assert errors[found] <= min(errors.values()) * (1 + 1e-4), (low, high, errors, SEED)


@pytest.mark.parametrize("exponent", range(-30, 20))
@pytest.mark.parametrize("bits", [8, 16])
def test_ranges_of_powers_of_two_keep_their_exponent(bits, exponent):
    most = 2 ** (bits - 1)
    span = -most * 2.0**exponent, (most - 1) * 2.0**exponent
    assert nearest_exponent(*span, bits) == exponent


@pytest.mark.parametrize("bits", [8, 16])
def test_unsigned_powers_of_two_give_up_one_bit(bits):
    """Half of the signed integers stay unused: 255 steps become 127 of twice the size."""
    span = 0.0, (2**bits - 1) * 2.0**-5
    assert nearest_exponent(*span, bits) == -4


def test_a_range_little_above_a_power_of_two_is_cut():
    assert nearest_exponent(-1.05, 1.05, 8) == -7
    assert nearest_exponent(-1.4, 1.4, 8) == -6


def test_the_wider_the_integers_the_less_is_cut():
    assert nearest_exponent(-1.05, 1.05, 16) == -14


def test_ranges_that_all_integers_fill():
    assert nearest_exponent(-1.0, 127 / 128, 8) == -7
    assert nearest_exponent(-1.0, 32767 / 32768, 16) == -15


@pytest.mark.parametrize(("span", "wanted"), [((0.0, 0.0), -7), ((-1e-30, 1e-30), -30)])
def test_empty_and_tiny_ranges(span, wanted):
    assert nearest_exponent(*span, 8) == wanted


def test_huge_ranges_end_at_the_largest_exponent():
    assert nearest_exponent(-1e30, 1e30, 8) == 30
