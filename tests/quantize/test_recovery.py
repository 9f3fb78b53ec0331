"""Held-out samples, the simulation, and the steps that recover accuracy."""

import dataclasses

import numpy as np
import onnx
import pytest
from qdq_networks import Quantized, floats, network, node, run

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import EspdlError
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.preprocess import preprocess_onnx
from tvm_espdl.quantize import quantize_onnx, recovery
from tvm_espdl.quantize.candidate import Candidate
from tvm_espdl.quantize.held_out import LEAST_SAMPLES, MOST_BYTES, MOST_SAMPLES, HeldOut
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.quantization import Options, quantize
from tvm_espdl.quantize.recovery import STEPS, recover
from tvm_espdl.quantize.simulation import noise_power
from tvm_espdl.samples import read_samples

OPTIONS = Options("mse", "output", False, (), (), 4)


def three_layers():
    nodes = [
        node("Conv", "x w1 b1", "c1", pads=[1] * 4, name="conv1"),
        node("Relu", "c1", "r1"),
        node("Conv", "r1 w2 b2", "c2", group=8, name="conv2"),
        node("Add", "c2 c2", "s"),
        node("GlobalAveragePool", "s", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w3 b3", "y", transB=1, name="gemm"),
        node("Softmax", "y", "p"),
    ]
    constants = {
        "w1": floats(8, 3, 3, 3, scale=0.2, seed=1),
        "b1": floats(8, seed=2),
        "w2": floats(8, 1, 3, 3, seed=3),
        "b2": floats(8, seed=4),
        "w3": floats(6, 8, seed=5),
        "b3": floats(6, seed=6),
    }
    return network(nodes, {"x": (1, 3, 8, 8)}, {"p": (1, 6), "f": (1, 8)}, constants)


DATA = floats(24, 3, 8, 8, seed=7)


def bench_of(chip, **options):
    prepared = preprocess_onnx(three_layers())
    samples = read_samples(DATA, input_signature(prepared))
    return quantize(prepared, samples, find_chip(chip), dataclasses.replace(OPTIONS, **options))


def sample(number, size=1):
    return {"x": np.full((1, size), number, dtype=np.float32)}


@pytest.mark.parametrize(
    ("count", "every", "held"),
    [(7, 4, []), (8, 4, [3, 7]), (11, 4, [3, 7]), (12, 3, [2, 5, 8, 11]), (12, 0, [])],
)
def test_every_nth_sample_is_held_out(count, every, held):
    split = HeldOut((sample(i) for i in range(count)), every)
    calibrated = [int(s["x"][0, 0]) for s in split]
    assert [int(s["x"][0, 0]) for s in split.held_out] == held
    assert calibrated == [i for i in range(count) if i not in held]
    assert [int(s["x"][0, 0]) for s in split.searched] == calibrated
    assert split.count == len(calibrated)
    assert count < LEAST_SAMPLES or not every or split.held_out


def test_what_is_kept_is_bounded():
    split = HeldOut((sample(i) for i in range(1000)), 2)
    assert sum(1 for _ in split) == 1000 - MOST_SAMPLES
    assert len(split.searched) == len(split.held_out) == MOST_SAMPLES
    large = MOST_BYTES // 4 // 3
    split = HeldOut((sample(i, large) for i in range(20)), 4)
    assert sum(1 for _ in split) == 20 - len(split.held_out)
    assert len(split.searched) == len(split.held_out) == 3


@pytest.mark.parametrize("every", [1, -1, -4])
def test_something_has_to_be_left_to_calibrate_with(every):
    with pytest.raises(EspdlError, match=rf"option hold_out.*found: {every}; allowed: 0"):
        quantize_onnx(three_layers(), DATA, hold_out=every)


def test_a_single_step_may_be_named_as_such():
    models = [
        quantize_onnx(three_layers(), DATA, recover=steps, measure=False).model
        for steps in ("rounding", ("rounding",))
    ]
    assert models[0] == models[1]


def test_held_out_samples_do_not_take_part():
    """Whatever the samples held out are, the network is the same."""
    other = DATA.copy()
    other[3::4] *= 50
    models = [
        quantize_onnx(three_layers(), data, recover=(), measure=False).model
        for data in (DATA, other)
    ]
    assert models[0] == models[1]


@pytest.mark.parametrize("rounded", [False, True])
def test_the_simulation_is_onnxruntime_on_the_written_network(rounded):
    """On P4 they round alike: every bit."""
    done = bench_of("esp32p4", per_channel=True)
    candidate = Candidate(rounded=rounded, shifts={"r1": 1})
    written = done.write(candidate)
    done.bench.simulation.set(done.bench.assign(candidate))
    for number in range(4):
        feed = {"x": DATA[number : number + 1]}
        expected = run(written, feed)
        for name, found in zip(("p", "f"), done.bench.simulation.run(feed), strict=True):
            assert np.array_equal(found, expected[name]), name


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_integers_of_the_simulation_lie_on_the_grid_and_round_as_the_chip(chip):
    done = bench_of(chip)
    bench = done.bench
    assignment = bench.assign(Candidate())
    bench.simulation.set(assignment)
    name = bench.plan.objective()[0]
    assert name == "y"  # what the Softmax reads
    feed = {"x": DATA[:1]}
    after = (
        bench.simulation.run(feed, [name])[0].astype(np.float64) / 2.0 ** assignment.tensors[name]
    )
    before = bench.simulation.run_sums(feed, [name])[0] / 2.0 ** assignment.tensors[name]
    rounded = np.floor(before + 0.5) if chip == "esp32s3" else np.rint(before)
    assert np.array_equal(after, np.clip(rounded, -128, 127))


def test_noise_power():
    references = [{"a": np.array([3.0, 4.0]), "b": np.zeros(2)}]
    found = [{"a": np.array([3.0, 3.0]), "b": np.zeros(2)}]
    assert noise_power(references, found) == pytest.approx((1 / 25 + 0) / 2)
    assert noise_power(references, [{"a": references[0]["a"], "b": np.ones(2)}]) == 0.5


def test_bias_correction_makes_the_means_equal():
    done = bench_of("esp32s3", activations="minmax")
    bench = done.bench
    corrected = STEPS["bias"](bench, Candidate())
    layer = bench.plan.layers()[1]
    name = bench.plan.sum_tensor(layer)
    samples = bench.samples[:8]
    wanted = np.stack([r[name] for r in bench.float_tensors([name], samples)]).mean((0, 1, 3, 4))
    errors = []
    for candidate in (Candidate(), corrected):
        bench.simulation.set(bench.assign(candidate))
        found = np.stack([bench.simulation.run_sums(s, [name])[0] for s in samples])
        errors.append(np.abs(found.mean((0, 1, 3, 4)) - wanted))
    step = 2.0 ** (
        bench.assign(corrected).weights[layer.node] + bench.assign(corrected).tensors["r1"]
    )
    assert (errors[1] <= step).all()  # as exact as the bias's own scale allows
    assert errors[0].max() > 4 * errors[1].max()


def test_bias_correction_without_layers_changes_nothing():
    model = network([node("Relu", "x", "y")], {"x": (1, 4)}, {"y": (1, 4)})
    data = floats(8, 4)
    plain = quantize_onnx(model, data, recover=()).model
    assert quantize_onnx(model, data, recover=("all",)).model == plain


def test_the_search_finds_an_exponent_that_was_spoilt():
    done = bench_of("esp32p4", per_channel=True)
    spoilt = Candidate(shifts={"r1": 3})
    bench = done.bench
    root = next(iter(k for k in bench.assign(spoilt).tensors if k == "r1"))
    found = STEPS["exponents"](bench, spoilt)
    assert found.shifts[root] <= 2
    assert bench.noise(found) < 0.8 * bench.noise(spoilt)


def test_steps_that_do_harm_are_not_applied(monkeypatch):
    done = bench_of("esp32s3")

    def harm(bench, candidate):
        del bench
        return dataclasses.replace(candidate, shifts={"r1": 4})

    monkeypatch.setitem(STEPS, "bias", harm)
    best, trials = recover(done.bench, ("rounding", "bias"))
    assert [trial.step for trial in trials] == ["rounding", "bias"]
    assert not trials[1].applied
    assert "r1" not in best.shifts
    assert best.rounded == trials[0].applied


def test_held_out_samples_judge_and_not_those_searched_with():
    done = bench_of("esp32s3", hold_out=4)
    bench = done.bench
    for number, held in enumerate(bench.held_out):
        assert np.array_equal(held["x"][0], DATA[4 * number + 3])
    candidate = Candidate(rounded=True)
    names = bench.plan.objective()
    bench.simulation.set(bench.assign(candidate))
    found = [dict(zip(names, bench.simulation.run(s, names), strict=True)) for s in bench.held_out]
    expected = noise_power(list(bench.float_tensors(names, bench.held_out)), found)
    assert bench.held_out_noise(candidate) == expected
    assert bench.noise(candidate) != expected


def test_rounded_weights_are_written_as_they_are():
    done = bench_of("esp32s3")
    assignment = done.assignment(Candidate(rounded=True))
    q = Quantized(done.write(Candidate(rounded=True)))
    for layer in done.bench.plan.layers():
        written = next(n for n in q.nodes if n.name == done.bench.plan.graph.nodes[layer.node].name)
        value = assignment.values[layer.node, 1]
        assert np.array_equal(q.stored(written, 1) * 2.0 ** q.into(written, 1), value)


def test_select_steps():
    assert recovery.select_steps(("bias", "rounding")) == ("rounding", "bias")
    assert recovery.select_steps(("all",)) == tuple(STEPS)


@pytest.mark.parametrize(
    ("last", "judged"),
    [
        (node("ArgMax", "t", "y", axis=1), ["t"]),
        (node("Softmax", "t", "y"), ["t"]),
        (node("Greater", "t k", "y"), ["t"]),
        (node("Tanh", "t", "y"), ["y"]),
    ],
    ids=lambda value: value.op_type if hasattr(value, "op_type") else "",
)
def test_decisions_are_judged_by_what_they_decide_on(last, judged):
    nodes = [node("Gemm", "x w", "t", transB=1), last]
    types = {"ArgMax": onnx.TensorProto.INT64, "Greater": onnx.TensorProto.BOOL}
    model = network(
        nodes,
        {"x": (1, 8)},
        {"y": None},
        {"w": floats(4, 8), "k": np.float32([[0.5]])},
        types={"y": types.get(last.op_type, onnx.TensorProto.FLOAT)},
    )
    prepared = onnx.shape_inference.infer_shapes(model)
    assert make_plan(Graph(prepared)).objective() == judged


def test_another_method_where_the_outputs_gain_by_it():
    """Tanh saturates what is large anyhow: the exponent of its input need not hold it."""
    nodes = [node("Tanh", "x", "a"), node("Conv", "a w", "y")]
    shape = (1, 8, 6, 6)
    model = network(nodes, {"x": shape}, {"y": shape}, {"w": floats(8, 8, 1, 1)})
    data = floats(32, *shape[1:])
    data.reshape(32, -1)[:, ::97] *= 200
    for chip in ("esp32s3", "esp32p4", "esp32"):
        steps = quantize_onnx(model, data, chip, recover=("methods",)).report.steps
        assert [step.applied for step in steps] == [True, True]
        assert steps[1].judged_gain > 3
        assert steps[1].gain > 3, "with the chip's bits"
    # A method that the user names is not overruled, unless he asks for that.
    kept = quantize_onnx(model, data, activations="minmax", measure=False).report.steps
    assert "methods" not in [step.step for step in kept]
    # In int16 there is nothing to weigh.
    wide = quantize_onnx(model, data, int16="*", recover=("methods",), measure=False).report.steps
    assert not wide[1].applied
