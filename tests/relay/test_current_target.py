"""The target of the surrounding `with` is the one that is compiled for, by every door."""

import numpy as np
import pytest
import tvm
from networks import library, quantized_digits, samples
from tvm import relax, relay
from tvm.target import Target

from tvm_espdl.errors import ChipError


@pytest.fixture(scope="module")
def mod():
    return relay.frontend.from_onnx(quantized_digits("esp32p4"))[0]


def test_build_compiles_for_the_chip_of_the_surrounding_target(mod):
    with Target("espressif/esp32p4"):
        assert relay.build(mod).chip.name == "esp32p4"
        assert relay.build(mod, target="espdl").chip.name == "esp32s3"
        with Target("espressif/esp32c3"):
            assert relay.build(mod).chip.name == "esp32c3"
    assert relay.build(mod).chip.name == "esp32s3"


def test_a_surrounding_target_that_is_not_ours_is_an_error(mod):
    with Target("llvm"), pytest.raises(ChipError, match=r'found: .*llvm.*target="espdl"'):
        relay.build(mod)
    with Target("llvm"):
        assert relay.build(mod, target="espressif/esp32p4").chip.name == "esp32p4"


@pytest.mark.parametrize("door", ["relax.build", "tvm.compile", "relax.build by pipeline"])
def test_tvms_own_doors_do_the_same(door, mod):
    build = {
        "relax.build": lambda: relax.build(mod),
        "tvm.compile": lambda: tvm.compile(mod),
        "relax.build by pipeline": lambda: relax.build(mod, relax_pipeline="espdl"),
    }[door]
    with Target("espressif/esp32p4"):
        executable = build()
    main = relax.VirtualMachine(executable, tvm.cpu())["main"]
    network = library("digits", "esp32p4")
    inputs = [x for (x,) in samples(network, 24, seed=5)]
    other = relay.build(mod, target="espressif/esp32s3")
    assert any(not np.array_equal(network(x), other(x)) for x in inputs), "the chips agree here"
    for x in inputs:
        np.testing.assert_array_equal(main(tvm.runtime.tensor(x)).numpy(), network(x))
