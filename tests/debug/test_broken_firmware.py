"""Firmware with a broken kernel on emulated chips prints its dump: layer and mistake are named.

What computes here is no part of the package's Python: the project's own C, with a line changed.
"""

import numpy as np
import pytest
from broken_firmware import firmware_log
from broken_lines import CASES, MISTAKES, NETWORKS, ON_XTENSA, models_of
from broken_networks import residual, sample_of, signals, wide

from tvm_espdl import debug
from tvm_espdl.debug.explanations import EXPLANATIONS


@pytest.fixture(scope="module")
def rv32_board(rv32):
    return rv32.with_flags("-O0")


def check_named(network, first, explanation, log, sample):
    """All culprits are of the mistake, and nothing differs before the first of them."""
    result = debug.compare(network, log, sample)
    assert result.first.tensor == first, result
    assert result.culprits and result.culprits[0].tensor == first, result
    for culprit in result.culprits:
        assert [one.name for one in culprit.explanations][:1] == [explanation], result
    assert {fault.verdict for fault in result.faults} <= {"culprit", "inherits"}


@pytest.mark.parametrize(("mistake", "model"), CASES)
def test_a_broken_kernel_is_named(mistake, model, rv32_board, tmp_path):
    explanation, networks, *changes = MISTAKES[mistake]
    network = NETWORKS[model]()
    sample = sample_of(network)
    log = firmware_log(network, sample, tmp_path, changes, rv32_board)
    check_named(network, networks[model], explanation, log, sample)


@pytest.mark.parametrize(("mistake", "model"), ON_XTENSA)
def test_an_xtensa_chip_with_a_broken_kernel_is_told_so(mistake, model, xtensa, tmp_path):
    explanation, networks, *changes = MISTAKES[mistake]
    network = NETWORKS[model]()
    sample = sample_of(network)
    log = firmware_log(network, sample, tmp_path, changes, xtensa.with_flags("-O0"))
    check_named(network, networks[model], explanation, log, sample)


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=lambda one: one.name)
def test_every_explanation_is_of_three_broken_firmwares(explanation):
    assert len(models_of(explanation.name)) >= 3, models_of(explanation.name)


def channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(x.shape)


FED = {
    "channels last": ("layout_of_input", channels_last),
    "pixels of another range": ("input_scaled", lambda x: x * np.float32(0.7) + np.float32(0.2)),
    "integers": ("input_quantized_twice", lambda x: np.clip(np.floor(x * 64 + 0.5), -128, 127)),
}


@pytest.mark.parametrize("mistake", FED)
def test_a_wrong_input_is_named(mistake, rv32_board, tmp_path):
    name, change = FED[mistake]
    network = residual()
    right = sample_of(network)
    log = firmware_log(network, [change(right[0]).astype(np.float32)], tmp_path, (), rv32_board)
    result = debug.compare(network, log, right)
    assert result.first.tensor == "image" and len(result.culprits) == 1, result
    assert result.culprits[0].explanations[0].name == name, result
    # Of the dump's own input all is right: nothing tells that it is the wrong one.
    assert debug.compare(network, log).ok


def test_an_unbroken_firmware_is_equal(rv32_board, tmp_path):
    for number, network in enumerate((residual(), signals(), wide())):
        sample = sample_of(network)
        folder = tmp_path / str(number)
        log = firmware_log(network, sample, folder, (), rv32_board)
        assert debug.compare(network, log, sample).ok
