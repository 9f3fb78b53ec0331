"""Read-only arrays of generated C: each is there once, however many calls read it."""

import hashlib
import re

import numpy as np
import pytest
from network_in_c import run_network
from qdq_builder import QdqBuilder

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.codegen.constants import Constants
from tvm_espdl.codegen.network_name import DEFAULT_NAME
from tvm_espdl.codegen.sources import generate
from tvm_espdl.relay.lowering import program_for


def defined(sources):
    in_c = re.findall(r"^const ESPDL_ALIGNED\(16\) \w+ (\w+)\[", sources.constants, re.MULTILINE)
    return in_c + re.findall(r"^  constant (\w+),", sources.large_constants[0], re.MULTILINE)


def two_sigmoids(exponents):
    """Two tables of 256 bytes, of one content where the exponents are equal."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 16), -4)
    for exponent in exponents:
        builder.output(builder.qdq(builder.node("Sigmoid", x), exponent))
    return relay.build(relay.frontend.from_onnx(builder.model())[0])


@pytest.mark.parametrize(("exponents", "tables"), [((-7, -7), 1), ((-7, -6), 2)])
def test_equal_lookup_tables_are_one(exponents, tables, c_compiler):
    library = two_sigmoids(exponents)
    lookups = [step for step in library.program.steps if step.operator.name == "lut"]
    assert len(lookups) == 2
    sources = generate(library.program, "id")
    assert len(defined(sources)) == tables
    assert len(re.findall(r"^  \.table = ", sources.network, re.MULTILINE)) == 2
    x = np.linspace(-8, 7.9, 16, dtype=np.float32).reshape(1, 16)
    (in_c,) = run_network(library.program, [[x]], c_compiler)
    for result, expected, exponent in zip(in_c, library.run([x]), exponents, strict=True):
        np.testing.assert_array_equal(result, expected)
        sigmoid = 1 / (1 + np.exp(-np.floor(x * 16 + 0.5) / 16))
        steps = result / 2.0**exponent - np.minimum(sigmoid / 2.0**exponent, 127)
        assert np.abs(steps).max() <= 0.5 + 1e-4


def test_recurrent_layers_share_their_tables():
    builder = QdqBuilder()
    rng = np.random.default_rng(4)
    value = builder.quantized_input("x", (2, 1, 4), -7)
    for _ in range(2):
        weights = [
            builder.weights(rng.integers(-90, 90, shape).astype(dtype), exponent)
            for shape, dtype, exponent in (
                ((1, 12, 4), np.int8, -7),
                ((1, 12, 4), np.int8, -7),
                ((1, 24), np.int16, -9),
            )
        ]
        hidden, _ = builder.node(
            "GRU", value, *weights, outputs=2, hidden_size=4, linear_before_reset=1
        )
        flat = builder.node("Squeeze", builder.qdq(hidden, -7), builder.constant([1]))
        value = builder.qdq(flat, -7)
    builder.output(value)
    chip = find_chip("esp32p4")
    program = program_for(relay.frontend.from_onnx(builder.model(opset=21))[0], chip)
    layers = [step.operator for step in program.steps if step.operator.name == "gru"]
    assert len(layers) == 2
    assert layers[0].gate_exponent == layers[1].gate_exponent
    sources = generate(program, "id")
    for member in ("sigmoid", "tanh"):
        (name,) = [name for name in defined(sources) if name.endswith(f"_{member}")]
        assert sources.network.count(f"  .{member} = {name},") == 2


def test_arrays_of_other_types_and_lengths_stay_apart():
    constants = Constants(DEFAULT_NAME)
    zeros = np.zeros(16, np.int8)
    assert constants.add("first", zeros, 0) == "first"
    assert constants.add("twin", zeros.reshape(4, 4), 0) == "first"
    assert constants.add("longer", zeros, 16) == "longer"
    assert constants.add("wider", zeros.view(np.int16), 0) == "wider"
    assert constants.add("signed", np.full(4, -0.0, np.float32), 0) == "signed"
    assert constants.add("unsigned", np.full(4, 0.0, np.float32), 0) == "unsigned"
    assert constants.nbytes == 16 + 32 + 16 + 16 + 16
    signed = np.full(4, -0.0, np.float32).tobytes()
    held = bytes(64) + signed + bytes(16)
    assert constants.sha256.hexdigest() == hashlib.sha256(held).hexdigest()
    assert "twin" not in constants.definitions() + constants.header()
