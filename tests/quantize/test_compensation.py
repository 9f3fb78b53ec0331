"""Weights that answer for what earlier layers do to their inputs."""

import dataclasses

import numpy as np
import pytest
from qdq_networks import Quantized, floats, network, node

from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.quantize.candidate import Candidate
from tvm_espdl.quantize.compensated_weights import (
    DAMPINGS,
    Shrinkage,
    choose_shrinkage,
    compensated,
    weights_for,
)
from tvm_espdl.quantize.input_errors import input_errors
from tvm_espdl.quantize.qdq import write_qdq
from tvm_espdl.quantize.quantization import Options, quantize
from tvm_espdl.quantize.recovery import STEPS, recover, select_steps
from tvm_espdl.quantize.recovery.compensation import measure_inputs
from tvm_espdl.samples import read_samples

SEED = 23


def patches(groups, count, size, *, noise, gain=1.0, seed=SEED):
    """Correlated inputs f, and q = gain f + noise."""
    print("seed", seed)
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(1).normal(size=(groups, size, size))
    f = rng.normal(size=(groups, count, size)) @ mixing + 0.5
    return f, gain * f + noise * rng.normal(size=f.shape)


def weights(groups, outputs, size):
    return np.random.default_rng(2).normal(size=(groups, outputs, size))


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("damping", DAMPINGS)
def test_the_closed_form_is_least_squares_on_explicit_rows(groups, damping):
    """Damping is so many rows more, which ask the weights to stay as they are."""
    f, q = patches(groups, 200, 6, noise=0.3, gain=0.9)
    rows = weights(groups, 4, 6)
    found = compensated(
        rows, input_errors(f, q).moments(centered=False), Shrinkage(damping, share=1.0)
    )
    for group in range(groups):
        strength = np.sqrt(damping * (q[group] ** 2).sum() / 6)
        inputs = np.concatenate([q[group], strength * np.eye(6)])
        outputs = np.concatenate([f[group] @ rows[group].T, strength * rows[group].T])
        expected = np.linalg.lstsq(inputs, outputs, rcond=None)[0].T
        assert np.allclose(found[group], expected, rtol=0, atol=1e-10)


def test_centered_moments_are_least_squares_with_a_free_bias():
    f, q = patches(1, 300, 5, noise=0.5, gain=1.1)
    rows = weights(1, 3, 5)
    moments = input_errors(f, q).moments(centered=True)
    found = compensated(rows, moments, Shrinkage(0.0, share=1.0))
    inputs = np.concatenate([q[0], np.ones((300, 1))], axis=1)
    expected = np.linalg.lstsq(inputs, f[0] @ rows[0].T, rcond=None)[0].T
    assert np.allclose(found[0], expected[:, :5], rtol=0, atol=1e-10)


def test_sums_of_parts_are_those_of_the_whole():
    f, q = patches(2, 40, 5, noise=0.2)
    whole = input_errors(f, q)
    parts = input_errors(f[:, :15], q[:, :15]) + input_errors(f[:, 15:], q[:, 15:])
    assert parts.patches == whole.patches == 40
    assert np.allclose(parts.mean_error, (q - f).mean(axis=1))
    assert np.allclose(parts.mean_input, q.mean(axis=1))
    for centered in (False, True):
        for one, other in zip(
            parts.moments(centered=centered), whole.moments(centered=centered), strict=True
        ):
            assert np.allclose(one, other)
    covariance = np.cov((q - f)[1].T, q[1].T, bias=True)[:5, 5:]
    assert np.allclose(whole.moments(centered=True)[1][1], covariance)


def test_noise_that_does_not_depend_on_the_signal_needs_no_share():
    """With many patches the split finds the optimal (Wiener) weights either way."""
    f, q = patches(1, 100_000, 4, noise=0.7)
    rows = weights(1, 3, 4)
    moments = input_errors(f, q).moments(centered=True)
    signal = np.cov(f[0].T, bias=True)
    expected = rows[0] @ signal @ np.linalg.inv(signal + 0.49 * np.eye(4))
    for share in (0.0, 1.0):
        found = compensated(rows, moments, Shrinkage(0.0, share))[0]
        assert np.abs(found - expected).max() < 0.05 * np.abs(expected - rows[0]).max()


def output_noise(rows, found, f, q):
    return float(((f @ rows.transpose(0, 2, 1) - q @ found.transpose(0, 2, 1)) ** 2).mean())


def test_few_patches_are_not_believed():
    """16 patches of 64 values: plain least squares does harm on new ones, halves prevent it."""
    f, q = patches(1, 16, 64, noise=0.5)
    rows = weights(1, 10, 64)
    parts = [input_errors(f[:, i::2], q[:, i::2]) for i in range(2)]
    ours = weights_for(rows, *parts, centered=False)
    plain = compensated(
        rows, (parts[0] + parts[1]).moments(centered=False), Shrinkage(DAMPINGS[0], share=1.0)
    )
    new = patches(1, 5000, 64, noise=0.5, seed=SEED + 1)
    before = output_noise(rows, rows, *new)
    assert output_noise(rows, plain, *new) > 1.3 * before
    assert output_noise(rows, ours, *new) < 1.02 * before


def test_what_halves_choose_helps_new_patches():
    f, q = patches(1, 1000, 8, noise=0.5, gain=0.95)
    rows = weights(1, 4, 8)
    parts = [input_errors(f[:, i::2], q[:, i::2]) for i in range(2)]
    shrinkage = choose_shrinkage(rows, *(part.moments(centered=False) for part in parts))
    assert shrinkage is not None
    assert 0 < shrinkage.share <= 1
    found = weights_for(rows, *parts, centered=False)
    new = patches(1, 5000, 8, noise=0.5, gain=0.95, seed=SEED + 1)
    assert output_noise(rows, found, *new) < 0.9 * output_noise(rows, rows, *new)


def test_without_errors_the_weights_stay():
    f, _ = patches(1, 50, 6, noise=0)
    rows = weights(1, 4, 6)
    part = input_errors(f, f)
    assert choose_shrinkage(rows, part.moments(centered=True), part.moments(centered=True)) is None
    assert np.array_equal(weights_for(rows, part, part, centered=True), rows)


def test_groups_that_see_zeros_only_keep_their_weights():
    f, q = patches(2, 100, 4, noise=0.5)
    f[1] = q[1] = 0
    rows = weights(2, 3, 4)
    part = input_errors(f, q)
    found = compensated(rows, part.moments(centered=False), Shrinkage(DAMPINGS[0], share=1.0))
    assert np.array_equal(found[1], rows[1])
    assert not np.array_equal(found[0], rows[0])


def chain(seed=3):
    """Two layers; the first one's weights are so small beside its largest that they round badly."""
    first = floats(8, 3, 1, 1, scale=0.02, seed=seed)
    first[0, 0] = 2.0
    nodes = [
        node("Conv", "x w1 b1", "c1", name="conv1"),
        node("Conv", "c1 w2 b2", "y", pads=[1] * 4, name="conv2"),
    ]
    constants = {
        "w1": first,
        "b1": floats(8, scale=0.1, seed=seed + 1),
        "w2": floats(4, 8, 3, 3, seed=seed + 2),
        "b2": floats(4, seed=seed + 3),
    }
    constants["w2"][:, 0] *= 0.01  # what conv1's large output does not drown
    return network(nodes, {"x": (1, 3, 8, 8)}, {"y": (1, 4, 8, 8)}, constants)


DATA = floats(32, 3, 8, 8, seed=7)


def bench_of(model, data, chip="esp32s3", **options):
    prepared = preprocess_onnx(model)
    chosen = Options("mse", "output", False, (), (), 4)
    samples = read_samples(data, input_signature(prepared))
    done = quantize(prepared, samples, find_chip(chip), dataclasses.replace(chosen, **options))
    return done.bench


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_a_layer_takes_back_what_an_earlier_layer_does_wrong(chip):
    """The first layer's errors follow its inputs, so the second can undo a part of them."""
    bench = bench_of(chain(), DATA, chip)
    rounded = Candidate(rounded=True)
    before = STEPS["bias"](bench, rounded)
    after = STEPS["compensation"](bench, rounded)
    assert bench.held_out_noise(after) < 0.5 * bench.held_out_noise(before)


def test_measured_errors_are_those_of_the_written_network():
    bench = bench_of(chain(), DATA)
    layer = bench.plan.layers()[1]
    assignment = bench.assign(Candidate())
    (halves,) = measure_inputs(bench, [layer], bench.samples, assignment).values()
    name = bench.plan.graph.nodes[layer.node].input[0]
    bench.simulation.set(assignment)
    for number, part in enumerate(halves):
        samples = bench.samples[number::2]
        f = np.concatenate([next(bench.float_tensors([name], [s]))[name] for s in samples])
        q = np.concatenate([bench.simulation.run(s, [name])[0] for s in samples])
        padded = [np.pad(v, [(0, 0), (0, 0), (1, 1), (1, 1)]) for v in (f, q)]
        # The middle of a 3x3 kernel sees the tensor itself, its corner all but one row and column.
        middle = 4 + 9 * np.arange(8)
        error = (padded[1] - padded[0]).mean(axis=(0, 2, 3)) * (10 * 10) / (8 * 8)
        assert np.allclose(part.mean_error[0, middle], error)
        assert part.patches == len(samples) * 64


def test_a_layer_reads_what_its_requantize_makes():
    """An int8 layer behind an int16 one reads eight bits."""
    bench = bench_of(chain(), DATA, int16=("conv1",))
    layer = bench.plan.layers()[1]
    assignment = bench.assign(Candidate())
    assert (layer.node, 0) in assignment.requantized
    (halves,) = measure_inputs(bench, [layer], bench.samples, assignment).values()
    _, _, errors = (halves[0] + halves[1]).moments(centered=False)
    step = 2.0 ** assignment.requantized[layer.node, 0]
    middle = 4 + 9 * np.arange(8)
    found = errors[0, middle, middle].mean()
    assert 0.5 * step**2 / 12 < found < 2 * step**2 / 12


def test_the_weights_are_written_as_they_are():
    bench = bench_of(chain(), DATA)
    found = STEPS["compensation"](bench, Candidate(rounded=True))
    assignment = bench.assign(found)
    q = Quantized(write_qdq(bench.model, bench.plan, assignment, bench.chip))
    for layer, name in zip(bench.plan.layers(), ("conv1", "conv2"), strict=True):
        written = next(n for n in q.nodes if n.name == name)
        value = found.values[layer.node, 1]
        assert np.array_equal(q.stored(written, 1) * 2.0 ** q.into(written, 1), value)


def test_offsets_of_replaced_biases_are_dropped():
    bench = bench_of(chain(), DATA)
    corrected = STEPS["bias"](bench, Candidate(rounded=True))
    assert corrected.offsets
    assert not STEPS["compensation"](bench, corrected).offsets


def test_fewer_than_two_samples_change_nothing():
    bench = bench_of(chain(), DATA[:1])
    candidate = Candidate(rounded=True)
    assert STEPS["compensation"](bench, candidate) is candidate


def head():
    """A matrix of 64 columns that sees one row of each sample."""
    nodes = [
        node("Relu", "x", "r"),
        node("Gemm", "r w b", "y", transB=1, name="gemm"),
    ]
    constants = {"w": floats(10, 64, seed=1), "b": floats(10, seed=2)}
    return network(nodes, {"x": (1, 64)}, {"y": (1, 10)}, constants)


@pytest.mark.parametrize("count", [8, 24, 48])
def test_a_head_that_sees_few_rows_is_not_spoilt(count):
    data = floats(count + 400, 64, seed=5)
    bench = bench_of(head(), data[:count], hold_out=0)
    judged = dataclasses.replace(bench, held_out=[{"x": x[np.newaxis]} for x in data[count:]])
    rounded = Candidate(rounded=True)
    noise = judged.held_out_noise(STEPS["compensation"](bench, rounded))
    assert noise < 1.1 * judged.held_out_noise(rounded)


STEPS_NAMED = ("rounding", "compensation", "bias")


def held(values, exponent, chip):
    """Integers as the chip rounds them, as floats that are exact."""
    scaled = values * 2.0**-exponent
    rounded = np.floor(scaled + 0.5) if find_chip(chip).rounding == "half_up" else np.rint(scaled)
    return np.clip(rounded, -128, 127)


def convolved(q, layer, x, entry):
    """Sums of products of integers, and their exponent."""
    weight, bias = q.stored(layer, 1).astype(np.float64), q.stored(layer, 2).astype(np.float64)
    reach = weight.shape[2] // 2
    padded = np.pad(x, [(0, 0), (0, 0), (reach, reach), (reach, reach)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
    sums = np.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, np.newaxis, np.newaxis]
    return sums, entry + q.into(layer, 1)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_the_bits_are_right_and_every_run_gives_the_same(chip):
    """One exponent per tensor on every chip, so that the integers are easily followed by hand."""
    one, other = (
        quantize_onnx(chain(), DATA, chip, recover=STEPS_NAMED, per_channel=False, measure=False)
        for _ in range(2)
    )
    assert one.model.SerializeToString() == other.model.SerializeToString()
    q = Quantized(one.model)
    first, second = q.all("Conv")
    exponents = q.into(first, 0), q.after(first), q.after(second)
    x = held(DATA[:4].astype(np.float64), exponents[0], chip)
    for layer, entry, left in zip((first, second), exponents, exponents[1:], strict=False):
        sums, exponent = convolved(q, layer, x, entry)
        x = held(np.ldexp(sums, exponent), left, chip)
    library = compile_file(one.model, chip)
    found = np.concatenate([library(sample[np.newaxis]) for sample in DATA[:4]])
    assert np.array_equal(found, np.ldexp(x, exponents[2]).astype(np.float32))


def test_the_step_runs_behind_those_that_choose_exponents():
    assert select_steps(("bias", "compensation", "exponents", "rounding")) == (
        "rounding", "exponents", "compensation", "bias",
    )  # fmt: skip


def test_the_step_is_kept_where_samples_held_out_gain():
    best, trials = recover(bench_of(chain(), DATA), ("rounding", "compensation"))
    assert [trial.applied for trial in trials if trial.step == "compensation"] == [True]
    assert best.values
