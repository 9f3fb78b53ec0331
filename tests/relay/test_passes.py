"""The contract of every pass: input untouched, idempotent, invariants hold afterwards."""

import numpy as np
import pytest
import tvm
import tvm_ffi
from networks import CHIPS, quantized_digits, quantized_seed
from tvm import relax, relay

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ChipError
from tvm_espdl.relay.lowering import lower
from tvm_espdl.relay.transform import canonicalize, lower_to_nhwc, partition, verify
from tvm_espdl.relay.transform.verify import InvariantError

S3 = find_chip("esp32s3")
PASSES = {
    "canonicalize": canonicalize,
    "partition": lambda mod: partition(mod, S3),
    "lower_to_nhwc": lower_to_nhwc,
}


def stages(mod):
    """The module before and after each pass."""
    for name, run in PASSES.items():
        after = run(mod)
        yield name, run, mod, after
        mod = after


def imported(name, request):
    if name == "seed":
        models = request.getfixturevalue("models_dir")
        return relay.frontend.from_onnx(quantized_seed(models, "esp32s3"))[0]
    return relay.frontend.from_onnx(quantized_digits("esp32s3"))[0]


@pytest.mark.parametrize("name", ["digits", "seed"])
def test_passes_are_idempotent_and_leave_their_input(name, request):
    mod = imported(name, request)
    for stage, run, before, after in stages(mod):
        copy = tvm_ffi.structural_hash(before)
        again = run(after)
        run(before)
        assert tvm_ffi.structural_hash(before) == copy, f"{stage} changed its input"
        assert tvm_ffi.structural_equal(after, again), f"{stage} is not idempotent"
        verify(after, stage)


@pytest.mark.parametrize("name", ["digits", "seed"])
def test_passes_are_deterministic(name, request):
    first = [after for _, _, _, after in stages(imported(name, request))]
    second = [after for _, _, _, after in stages(imported(name, request))]
    for one, other in zip(first, second, strict=True):
        assert one.script() == other.script()


def test_canonical_form_has_one_user_per_dequantize():
    mod = imported("digits", None)
    with pytest.raises(InvariantError, match=r"canonicalize: .*one user"):
        verify(mod, "canonicalize")
    verify(canonicalize(mod), "canonicalize")


def test_verifier_names_stage_node_and_rule():
    lowered = lower_to_nhwc(partition(canonicalize(imported("digits", None)), S3))
    variable = next(v for v in lowered.functions if v.name_hint == "espdl_gemm")
    broken = tvm.IRModule(dict(lowered.functions), attrs=lowered.attrs)
    broken[variable] = lowered[variable].with_attr("espdl.layout", "NCHW")
    with pytest.raises(InvariantError, match=r"after lower_to_nhwc: espdl_gemm: .*NHWC"):
        verify(broken, "lower_to_nhwc")


@pytest.mark.parametrize("chip", CHIPS)
def test_lowered_module_holds_no_float_scales(chip):
    mod = relay.frontend.from_onnx(quantized_digits(chip))[0]
    lowered = lower_to_nhwc(partition(canonicalize(mod), find_chip(chip)))
    for variable, function in lowered.functions.items():
        text = function.script(show_meta=False)
        assert "R.quantize" not in text, variable.name_hint
        assert "R.dequantize" not in text, variable.name_hint


def test_a_module_is_lowered_once():
    lowered = lower(imported("digits", None), S3)
    assert lower(lowered, S3).same_as(lowered)
    with pytest.raises(ChipError, match="another chip"):
        lower(lowered, find_chip("esp32p4"))


def test_plain_llvm_is_as_before():
    parameter = relax.Var("x", relax.TensorType((2, 3), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [parameter]):
        with builder.dataflow():
            output = builder.emit_output(builder.emit(relax.op.nn.relu(parameter)))
        builder.emit_func_output(output)
    machine = relax.VirtualMachine(tvm.compile(builder.get(), "llvm"), tvm.cpu())
    x = np.array([[-1, 2, -3], [4, -5, 6]], np.float32)
    result = machine["main"](tvm.runtime.tensor(x)).numpy()
    np.testing.assert_array_equal(result, np.maximum(x, 0))
