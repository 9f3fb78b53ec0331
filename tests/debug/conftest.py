"""The digits network on the ESP32-S3, and what a run of it gives."""

import pytest
from networks import digits_arrays, library


@pytest.fixture(scope="module")
def network():
    return library("digits", "esp32s3")


@pytest.fixture(scope="module")
def sample():
    return digits_arrays()["images"][:1]


@pytest.fixture(scope="module")
def tensors(network, sample):
    return network.run_with_intermediates(sample)
