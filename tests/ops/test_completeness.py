"""Every operator is in all of its places; what is missing is named."""

import json

import numpy as np
import pytest
from random_operators import GENERATORS

from tvm_espdl.chips import CHIPS, find_chip
from tvm_espdl.codegen.kernels import runtime_files
from tvm_espdl.codegen.literals import kernel_source
from tvm_espdl.ops import from_json, operators
from tvm_espdl.ops.base.operator import rules_of, sentence_of
from tvm_espdl.ops.base.registry import declared
from tvm_espdl.relay.patterns import table
from tvm_espdl.runtime.host.kernels import kernel_of
from tvm_espdl.selftest import sequences
from tvm_espdl.selftest.builders import BUILDERS
from tvm_espdl.selftest.golden import GOLDEN

NAMES = tuple(operators())
# Golden vectors of pieces that are no operators: packing and rounding.
PIECES = {"filter_layout", "round", "shift_and_round"}
# Operators that no pattern names, with what they come from.
MADE_BY = {"depthwise_conv1d": "conv1d", "depthwise_conv2d": "conv2d"}


def test_no_two_operators_are_one_node():
    """The quantizer's rules and readers of files go by the type of the node."""
    for types in (
        [kind.form.onnx for kind in declared()],
        [kind.form.espdl for kind in declared()],
    ):
        named = [name for name in types if name]
        assert len(set(named)) == len(named), sorted(n for n in named if named.count(n) > 1)


def golden_names():
    entries = json.loads((GOLDEN / "index.json").read_text())["cases"]
    return sorted({entry["op"] for entry in entries} - PIECES)


def generated(name):
    return GENERATORS[name](np.random.default_rng(0), find_chip("esp32s3"))


@pytest.mark.parametrize("name", NAMES)
def test_random_generator(name):
    assert name in GENERATORS, f"no generator of {name} in tests/random_operators"
    operator, inputs, constants = generated(name)
    assert operator.name == name
    for tensors, arrays in ((operator.inputs, inputs), (operator.constants, constants)):
        types = [(tensor.dtype, tensor.shape) for tensor in tensors]
        assert types == [(str(array.dtype), array.shape) for array in arrays]


@pytest.mark.parametrize("name", NAMES)
def test_host_kernel(name):
    operator, _, constants = generated(name)
    assert kernel_of(operator, find_chip("esp32s3"), constants).function


@pytest.mark.parametrize("name", NAMES)
def test_c_kernel(name):
    operator, _, constants = generated(name)
    call = operator.call(find_chip("esp32s3"), *constants)
    files = runtime_files([(operator, call)])
    assert kernel_source(call.function) in files, f"no C kernel {call.function}"
    headers = "".join(text for file, text in files.items() if file.endswith(".h"))
    assert f"void {call.function}(const {call.descriptor} *" in headers
    assert f"}} {call.descriptor};" in headers


@pytest.mark.parametrize("name", NAMES)
def test_pattern(name):
    known = {entry.operator for entry in table()}
    assert MADE_BY.get(name, name) in known, f"no pattern of {name} in relay/patterns"


@pytest.mark.parametrize("name", golden_names())
def test_golden_builder(name):
    known = {**BUILDERS, **sequences.BUILDERS}
    assert name in known, f"no builder of {name} in selftest/builders.py"


@pytest.mark.parametrize("name", NAMES)
def test_record_as_text(name):
    operator = generated(name)[0]
    assert from_json(operator.to_json()) == operator


@pytest.mark.parametrize("name", NAMES)
def test_rules_are_sentences(name):
    for check in rules_of(operators()[name]):
        assert sentence_of(check).endswith("."), f"{name}.{check.__name__}"
        assert all(check.espdl_rule), f"{name}.{check.__name__}"
    for chip in CHIPS.values():
        generated(name)[0].refusals(chip)
