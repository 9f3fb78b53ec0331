"""The growing histogram, against numpy.histogram over the final range."""

import numpy as np
import pytest

from tvm_espdl.quantize.histogram import BINS, Histogram


def expected(values, histogram):
    top = 2.0**histogram.range_exponent
    edges = np.linspace(-top, top, 2 * BINS + 1)
    return np.histogram(values[values != 0], edges)[0]


@pytest.mark.parametrize("seed", range(5))
def test_growing_moves_no_value_to_another_bin(seed):
    print("seed", seed)
    generator = np.random.default_rng(seed)
    histogram, everything = Histogram(), []
    for power in generator.permutation(np.arange(-8, 9)):
        values = (generator.normal(size=(3, 50)) * 2.0**power).astype(np.float32)
        values[generator.random(values.shape) < 0.2] = 0
        histogram.add(values)
        everything.append(values.ravel())
    whole = np.concatenate(everything)
    assert np.array_equal(histogram.counts, expected(whole.astype(np.float64), histogram))
    assert histogram.zeros == (whole == 0).sum()
    assert histogram.total == whole.size
    assert (histogram.low, histogram.high) == (whole.min(), whole.max())
    # The range is the smallest power of two above every value.
    largest = np.abs(whole).max()
    assert 2.0 ** (histogram.range_exponent - 1) <= largest < 2.0**histogram.range_exponent


@pytest.mark.parametrize("value", [1.0, -1.0, 0.5, 2.0**-30, -(2.0**20), np.float32(0.1)])
def test_a_power_of_two_is_inside(value):
    histogram = Histogram()
    histogram.add(np.array([value], dtype=np.float32))
    assert histogram.counts.sum() == 1
    place = int(np.flatnonzero(histogram.counts)[0])
    assert abs(histogram.centers()[place] - value) <= histogram.width / 2


def test_nothing_and_zeros():
    histogram = Histogram()
    histogram.add(np.zeros((0, 3), dtype=np.float32))
    assert (histogram.total, histogram.low, histogram.high) == (0, 0.0, 0.0)
    histogram.add(np.zeros(4, dtype=np.float32))
    assert (histogram.total, histogram.zeros) == (4, 4)
    assert not histogram.counts.any()
    assert not np.signbit(histogram.low)
