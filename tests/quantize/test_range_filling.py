"""One factor for a set of activations so that their ranges fill the integers."""

import numpy as np
import pytest
from qdq_networks import floats, network, node

from tvm_espdl.chips import find_chip
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.quantize import preprocess_onnx
from tvm_espdl.quantize.candidate import Candidate
from tvm_espdl.quantize.quantization import Options, quantize
from tvm_espdl.quantize.recovery import STEPS
from tvm_espdl.quantize.recovery.equalization import HEADROOM, filled, filling_factor
from tvm_espdl.samples import read_samples

SEED = 41


def rounding_noise(peaks, bits, factor):
    """step²/12 over peak² of each tensor, at the finest scale that holds it with headroom."""
    total = 0.0
    for peak, width in zip(peaks, bits, strict=True):
        exponent = -60
        while (2 ** (width - 1) - 1) * 2.0**exponent < HEADROOM * peak / factor * (1 - 1e-9):
            exponent += 1
        total += (factor * 2.0**exponent / peak) ** 2 / 12
    return total


@pytest.mark.parametrize("bits", [[8], [16], [8, 8], [8, 16], [8, 16, 16, 8, 8]])
def test_no_other_factor_costs_less(bits):
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    for _ in range(50):
        peaks = np.exp(rng.uniform(-8, 8, size=len(bits)))
        factor = filling_factor(peaks, bits)
        assert 1 <= factor <= 2
        found = rounding_noise(peaks, bits, factor)
        others = [rounding_noise(peaks, bits, other) for other in np.linspace(1, 2, 401)]
        assert found <= min(others) * (1 + 1e-9)


@pytest.mark.parametrize(("bits", "largest"), [(8, 127), (16, 32767)])
def test_one_tensor_is_filled_but_for_the_headroom(bits, largest):
    for peak in (0.3, 1.0, 127.0, 128.0, 5000.0):
        used = HEADROOM * peak / filling_factor([peak], [bits]) / largest
        assert np.log2(used) == pytest.approx(round(np.log2(used)), abs=1e-9)


def test_tensors_without_signal_do_not_count():
    assert filling_factor([], []) == filling_factor([0.0], [8]) == 1.0
    assert filling_factor([3.0, 0.0], [8, 8]) == filling_factor([3.0], [8])


def bench_of():
    """The activation between reaches just beyond a power of two: half the integers lie idle."""
    nodes = [
        node("Conv", "x w1 b1", "a", name="conv1"),
        node("Relu", "a", "r"),
        node("Conv", "r w2 b2", "y", name="conv2"),
    ]
    first = np.zeros((4, 4, 1, 1), dtype=np.float32)
    first[range(4), range(4)] = 1.1  # 127 * 2^-7 = 0.99 does not hold it
    constants = {
        "w1": first,
        "b1": np.zeros(4, dtype=np.float32),
        "w2": floats(3, 4, 1, 1, seed=2),
        "b2": floats(3, seed=3),
    }
    model = network(nodes, {"x": (1, 4, 8, 8)}, {"y": (1, 3, 8, 8)}, constants)
    prepared = preprocess_onnx(model)
    data = np.random.default_rng(4).uniform(-1, 0.99, size=(24, 4, 8, 8)).astype(np.float32)
    options = Options("mse", "output", True, (), (), 4)
    samples = read_samples(data, input_signature(prepared))
    return quantize(prepared, samples, find_chip("esp32p4"), options).bench


def test_the_step_fills_ranges_and_gains_by_it():
    bench = bench_of()
    (entry,) = bench.channel_sets
    reach = {"r": np.full(4, 1.089)}
    factors = filled(bench, entry, reach, None)
    assert factors == pytest.approx(HEADROOM * 1.089 / 127 * 128)
    found = STEPS["equalization"](bench, Candidate())
    assert found.scaling
    after = bench.of(found)
    assert after.assign(found).tensors["r"] == bench.assign(Candidate()).tensors["r"] - 1
    assert after.held_out_noise(found) < 0.9 * bench.held_out_noise(Candidate())


def test_sets_of_which_nothing_was_measured_stay():
    bench = bench_of()
    (entry,) = bench.channel_sets
    assert np.array_equal(filled(bench, entry, {}, 0.5), np.ones(4))
