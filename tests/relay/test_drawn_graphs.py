"""Networks that hypothesis draws: NumPy = host = C; `scripts/campaign.py` compares far more."""

import os

import numpy as np
import pytest
from drawn_graphs import CHIPS, evaluated_graphs, graphs
from hypothesis import HealthCheck, Phase, given, settings
from witnesses import Record, compare, inputs_of, program_of

EXAMPLES = max(4, int(os.environ.get("TVM_ESPDL_RANDOM_CASES", "0")))
SAMPLES = 3

drawn = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("chip", CHIPS)
def test_three_witnesses_agree_on_whatever_is_joined(chip, c_compiler):
    record = Record()

    @drawn
    @given(graphs((chip,), most=12))
    def agree(network):
        program = program_of(network.model, network.chip)
        rng = np.random.default_rng(network.seed)
        compare(program, [inputs_of(program, rng) for _ in range(SAMPLES)], record)

    agree()
    assert record.networks >= EXAMPLES
    assert record.elements["NumPy = host"] > 0


@pytest.mark.parametrize("chip", CHIPS)
def test_nodes_one_by_one_agree_with_what_passes_make_of_them(chip, c_compiler):
    record = Record()

    @drawn
    @given(evaluated_graphs((chip,)))
    def agree(found):
        network, graph, outputs = found
        program = program_of(network.model, network.chip)
        graph.rng = np.random.default_rng(network.seed)
        samples = [graph.sample() for _ in range(SAMPLES)]
        arrays = [[sample[name] for name in program.input_names] for sample in samples]
        compare(program, arrays, record)
        from tvm_espdl.program.reference import outputs as by_references

        for sample in samples[:1]:
            results = by_references(program, sample)
            for value in outputs:
                expected = np.ldexp(value.compute(sample).astype(np.float32), value.exponent)
                np.testing.assert_array_equal(results[value.name], expected, err_msg=value.name)
                record.elements["nodes = NumPy"] += expected.size

    agree()
    assert record.elements["nodes = NumPy"] > 0
