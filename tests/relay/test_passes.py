"""What verifiers see behind passes, and what is left of a network when all have run."""

import dataclasses

import numpy as np
import pytest
import tvm
from networks import CHIPS, quantized_digits
from tvm import relax, relay

from tvm_espdl import ops
from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ChipError
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.base import registry
from tvm_espdl.program import State, Step
from tvm_espdl.program.passes import InvariantError
from tvm_espdl.program.passes import verify as verify_program
from tvm_espdl.relay.lowering import lower, program_for
from tvm_espdl.relay.transform import (
    canonicalize,
    composite,
    verify,
)

S3 = find_chip("esp32s3")


def imported(chip="esp32s3"):
    return relay.frontend.from_onnx(quantized_digits(chip))[0]


def test_canonical_form_has_one_user_per_dequantize():
    mod = imported()
    with pytest.raises(InvariantError, match=r"canonicalize: .*one user"):
        verify(mod, "canonicalize")
    verify(canonicalize(mod), "canonicalize")


def first_step(program, **changes):
    step = dataclasses.replace(program.steps[0], **changes)
    return {"steps": (step, *program.steps[1:])}


def retyped(program):
    name = program.steps[0].outputs[0]
    return {"values": {**program.values, name: Tensor("int8", (1, 2, 3))}}


def relu(x, y):
    tensor = Tensor("int8", (1, 4), -3)
    return Step(ops.operator_class("neg")(tensor, dataclasses.replace(tensor, exponent=-4)), x, y)


BROKEN = {
    "reads it before it is written": lambda p: {"steps": p.steps[1:]},
    "a value is written once": lambda p: {"steps": (p.steps[0], *p.steps)},
    "is an input, a state, a constant or the result": lambda p: {"steps": p.steps[:-1]},
    "its inputs .* are those of its record": lambda p: first_step(p, inputs=()),
    "its constants .* are those of its record": lambda p: first_step(p, constants=(np.zeros(3),)),
    "its result .* is that of its record": retyped,
    "an input or output is a value": lambda p: {"outputs": ("nowhere",)},
    "the next state is computed": lambda p: {"states": (State(p.inputs[0], "nowhere"),)},
    "what stands for a tensor of the model": lambda p: {"origins": {"nowhere": None}},
    "its chip runs it: .*same exponent": lambda p: {
        "values": {**p.values, "a": Tensor("int8", (1, 4), -3), "b": Tensor("int8", (1, 4), -4)},
        "inputs": (*p.inputs, "a"),
        "steps": (*p.steps, relu(("a",), ("b",))),
    },
}


@pytest.mark.parametrize("rule", BROKEN)
def test_verifier_of_programs_names_stage_node_and_rule(rule):
    program = verify_program(program_for(imported(), S3), "a pass")
    broken = dataclasses.replace(program, **BROKEN[rule](program))
    with pytest.raises(InvariantError, match=rf"after a pass: .*{rule}"):
        verify_program(broken, "a pass")


@pytest.mark.parametrize("chip", CHIPS)
def test_lowered_module_holds_no_float_scales(chip):
    lowered = lower(imported(chip), find_chip(chip))
    text = lowered.mod.script(show_meta=False)
    assert "R.quantize" not in text and "R.dequantize" not in text


def test_records_do_not_travel_as_text(monkeypatch):
    """Between our own passes a record is an object: none is read back from JSON."""
    read = []
    monkeypatch.setattr(registry, "from_json", read.append)
    monkeypatch.setattr(composite, "from_json", read.append)
    program = program_for(imported(), S3)
    assert len(program.steps) == 14 and not read


def test_a_module_of_another_chip_is_refused(models_dir):
    path = models_dir / "espdl" / "human_face_detect_models_s3_human_face_detect_msr_s8_v1.espdl"
    mod, _ = relay.frontend.from_espdl(path, "esp32s3")
    lower(mod, S3)
    with pytest.raises(ChipError, match="another chip"):
        lower(mod, find_chip("esp32p4"))


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
