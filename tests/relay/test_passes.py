"""What the verifier sees behind passes, and what is left of a network when all have run."""

import numpy as np
import pytest
import tvm
from networks import CHIPS, quantized_digits
from tvm import relax, relay

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ChipError
from tvm_espdl.relay.lowering import lower
from tvm_espdl.relay.transform import canonicalize, lower_to_nhwc, partition, verify
from tvm_espdl.relay.transform.verify import InvariantError

S3 = find_chip("esp32s3")


def imported(chip="esp32s3"):
    return relay.frontend.from_onnx(quantized_digits(chip))[0]


def test_canonical_form_has_one_user_per_dequantize():
    mod = imported()
    with pytest.raises(InvariantError, match=r"canonicalize: .*one user"):
        verify(mod, "canonicalize")
    verify(canonicalize(mod), "canonicalize")


def test_verifier_names_stage_node_and_rule():
    lowered = lower_to_nhwc(partition(canonicalize(imported()), S3))
    variable = next(v for v in lowered.functions if v.name_hint == "espdl_gemm")
    broken = tvm.IRModule(dict(lowered.functions), attrs=lowered.attrs)
    broken[variable] = lowered[variable].with_attr("espdl.layout", "NCHW")
    with pytest.raises(InvariantError, match=r"after lower_to_nhwc: espdl_gemm: .*NHWC"):
        verify(broken, "lower_to_nhwc")


@pytest.mark.parametrize("chip", CHIPS)
def test_lowered_module_holds_no_float_scales(chip):
    lowered = lower_to_nhwc(partition(canonicalize(imported(chip)), find_chip(chip)))
    for variable, function in lowered.functions.items():
        text = function.script(show_meta=False)
        assert "R.quantize" not in text, variable.name_hint
        assert "R.dequantize" not in text, variable.name_hint


def test_a_module_is_lowered_once():
    lowered = lower(imported(), S3)
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
