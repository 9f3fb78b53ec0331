"""What passes leave out because it can change nothing; the results stay the same."""

import sys

import pytest
from networks import CHIPS, quantized_digits
from tvm import relay
from tvm.relax.dpl import is_op, wildcard

from tvm_espdl.chips import find_chip
from tvm_espdl.relay.ir import bindings_of, main_of, op_name
from tvm_espdl.relay.patterns import table
from tvm_espdl.relay.patterns.dataflow import needed_operators
from tvm_espdl.relay.transform import canonicalize, partition, unify


@pytest.mark.parametrize("chip", CHIPS)
def test_patterns_that_are_not_tried_match_nothing(chip, monkeypatch):
    mod = canonicalize(relay.frontend.from_onnx(quantized_digits(chip))[0])
    present = {op_name(binding.value) for binding in bindings_of(main_of(mod))}
    tried = [p for p in table() if needed_operators(p.pattern) <= present]
    assert 5 < len(tried) < len(table()) / 2
    found = partition(mod, find_chip(chip))
    module = sys.modules[partition.__module__]
    monkeypatch.setattr(module, "_needs", lambda: tuple((p, frozenset()) for p in table()))
    assert found.mod.script() == partition(mod, find_chip(chip)).mod.script()


def test_needed_operators():
    x, y = wildcard(), wildcard()
    relu, tanh = is_op("relax.nn.relu")(x), is_op("relax.tanh")(y)
    add = is_op("relax.add")
    assert needed_operators(x) == frozenset()
    assert needed_operators(add(relu, y)) == {"relax.add", "relax.nn.relu"}
    assert needed_operators(relu | tanh) == frozenset()
    assert needed_operators(add(relu, x) | add(x, tanh)) == {"relax.add"}
    assert needed_operators(relu | x) == frozenset()
    assert all(needed_operators(entry.pattern) for entry in table())


def test_a_module_in_one_form_is_not_rebuilt():
    chip = find_chip("esp32s3")
    mod = canonicalize(relay.frontend.from_onnx(quantized_digits("esp32s3"))[0])
    once = unify(mod, chip)
    assert unify(once, chip) is once
