"""Fusions never change a bit: random networks against their evaluation node by node."""

import os

import numpy as np
import pytest
import tvm_ffi
from random_graphs import RandomGraph
from tvm import relay

from tvm_espdl.chips import find_chip
from tvm_espdl.relay.transform import canonicalize, requantize_inputs, unify, verify

GRAPHS = max(10, int(os.environ.get("TVM_ESPDL_RANDOM_CASES", "0")))
SAMPLES = 3


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32p4"])
@pytest.mark.parametrize("number", range(GRAPHS))
def test_random_graph(chip, number):
    seed = [number, *chip.encode()]
    graph = RandomGraph(np.random.default_rng(seed), find_chip(chip))
    outputs = graph.outputs()
    lib = graph.net.build(*(value.name for value in outputs), chip=chip)
    report = lib.report()
    assert not [row for row in report.rows if row.defined_by == "TVM"], f"seed {seed}\n{report}"
    for _ in range(SAMPLES):
        arrays = graph.sample()
        results = lib(**arrays)
        results = results if isinstance(results, tuple) else (results,)
        for value, result in zip(outputs, results, strict=True):
            expected = np.ldexp(value.compute(arrays).astype(np.float32), value.exponent)
            message = f"seed {seed}, {value.name}\n{report}"
            np.testing.assert_array_equal(result, expected, err_msg=message)


@pytest.mark.parametrize("number", range(6))
def test_passes_leave_their_input_and_change_nothing_twice(number):
    chip = find_chip("esp32s3")
    graph = RandomGraph(np.random.default_rng([7, number]), chip)
    model = graph.net.model(*(value.name for value in graph.outputs()))
    mod = canonicalize(relay.frontend.from_onnx(model)[0])
    for run in (unify, requantize_inputs):
        before = tvm_ffi.structural_hash(mod)
        once = run(mod, chip)
        assert tvm_ffi.structural_hash(mod) == before, f"{run.__name__} changed its input"
        assert tvm_ffi.structural_equal(once, run(once, chip)), f"{run.__name__} {number}"
        mod = verify(once, "canonicalize")
