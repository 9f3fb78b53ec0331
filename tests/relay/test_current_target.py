"""The target of the surrounding `with` is the one that is compiled for, by every door."""

import numpy as np
import onnxruntime
import pytest
import tvm
from networks import library, quantized_digits, samples
from tvm import relax, relay
from tvm.target import Target

from tvm_espdl.chips import CHIPS
from tvm_espdl.errors import ChipError
from tvm_espdl.program import Native


@pytest.fixture(scope="module")
def mod():
    return relay.frontend.from_onnx(quantized_digits("esp32p4"))[0]


def test_build_compiles_for_the_chip_of_the_surrounding_target(mod):
    with Target("espressif/esp32p4"):
        assert relay.build(mod).chip.name == "esp32p4"
        assert relay.build(mod, target="espdl").chip.name == "esp32s3"
        with Target("espressif/esp32c3"):
            assert relay.build(mod).chip.name == "esp32c3"
    # Outside of any, the chip that the model was quantized for.
    assert relay.build(mod).chip.name == "esp32p4"


def test_a_surrounding_target_that_is_not_ours_is_an_error(mod):
    with Target("c"), pytest.raises(ChipError, match=r'found: .*"c".*target="espdl"'):
        relay.build(mod)
    with Target("c"):
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


@pytest.mark.parametrize("target", [Target("llvm", host="llvm"), "llvm", {"kind": "llvm"}])
def test_llvm_gives_tvms_own_float_result(target, recwarn):
    """As the tutorials compare with it: the quantized network in float, nothing of a chip in it."""
    model = quantized_digits("esp32s3")
    lib = relay.build(relay.frontend.from_onnx(model)[0], target=target)
    assert not any("quantized" in str(warning.message) for warning in recwarn.list)
    assert all(isinstance(step.operator, Native) for step in lib.program.steps)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    network = library("digits", "esp32s3")
    step = 2.0**-3  # the result's; sums next to a tie may be rounded otherwise
    for (x,) in samples(network, 3, seed=9):
        (wanted,) = session.run(None, {network.input_names[0]: x})
        np.testing.assert_allclose(lib(x), wanted, rtol=0, atol=step)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("esp32p4", "espressif/esp32p4"),
        ("espressif/esp32s33", "espressif/esp32s3"),
        ("esp32-s3", "espressif/esp32s3"),
        ("cuda", "espdl"),
    ],
)
def test_a_misspelt_target_is_one_error_with_the_list(mod, target, said):
    with pytest.raises(ChipError) as caught:
        relay.build(mod, target=target)
    assert caught.value.__cause__ is None
    assert f'target="{said}"' in caught.value.try_
    for name in CHIPS:
        assert f"espressif/{name}" in caught.value.allowed
