"""Values that share bytes: results that are views of others, on the PC and in C, on every bit."""

import dataclasses

import numpy as np
import pytest
from network_in_c import run_network
from program_drawings import drawn_program

from tvm_espdl.chips import CHIPS
from tvm_espdl.codegen.sources import generate
from tvm_espdl.program import reference
from tvm_espdl.program.memory import plan
from tvm_espdl.runtime.executor import build

SEED = 23


@pytest.mark.parametrize("number", range(4))
def test_random_programs_agree_on_every_bit(number, c_compiler):
    rng = np.random.default_rng([SEED, number])
    program = drawn_program(rng, 25)
    assert len(plan(program).views) > 1
    check(program, rng, number, c_compiler)


@pytest.mark.parametrize("number", [4, 22])
def test_random_programs_with_joined_channels_agree_on_every_bit(number, c_compiler):
    """Some parts of some results are matrix products, in a kernel without vectors."""
    rng = np.random.default_rng([SEED, 1, number])
    drawn = drawn_program(rng, 40, products=0.4)
    program = dataclasses.replace(drawn, chip=CHIPS["esp32"])
    assert generate(program, "id").plan.pitches
    check(program, rng, number, c_compiler)


def check(program, rng, number, c_compiler):
    """The same of reference, PC and C, for three samples; states go on."""
    tensors = [program.values[name] for name in program.inputs]
    samples = [
        [np.asarray(rng.integers(-128, 128, t.shape), t.dtype) for t in tensors] for _ in range(3)
    ]
    in_c = run_network(program, samples, c_compiler)
    (executor,) = build([program])
    states = [np.zeros(program.values[s.value].shape, np.int8) for s in program.states]
    for sample, from_c in zip(samples, in_c, strict=True):
        kept = dict(zip((s.value for s in program.states), states, strict=True))
        values = reference.run(program, dict(zip(program.inputs, sample, strict=True)), kept)
        on_pc, states = executor.run(sample, states)
        for name, pc, c in zip(program.outputs, on_pc, from_c, strict=True):
            np.testing.assert_array_equal(pc, values[name], f"seed {SEED}, {number}: {name}")
            np.testing.assert_array_equal(c, values[name], f"seed {SEED}, {number}: {name}")
