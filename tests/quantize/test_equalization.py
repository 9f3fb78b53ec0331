"""Cross-layer equalization: what may be scaled, and that the network's function stays."""

import numpy as np
import pytest
from networks import digits_arrays
from qdq_networks import floats, network, node, run

from tvm_espdl.chips import find_chip
from tvm_espdl.demo import DATA
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import preprocess_onnx
from tvm_espdl.quantize.candidate import Candidate
from tvm_espdl.quantize.channel_scaling import patch_factors, scale_model
from tvm_espdl.quantize.channel_sets import find_channel_sets
from tvm_espdl.quantize.layer_statistics import LayerStatistics
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.quantization import Options, quantize
from tvm_espdl.quantize.recovery.equalization import LARGEST_RATIO, balanced

SEED = 11
MAPS = (1, 4, 8, 8)
CONV = {f"w{i}": floats(4, 4, 1, 1, seed=i) for i in range(4)}
BIASES = {f"b_{name}": floats(4, seed=len(name)) for name in ("a", "c", "y", "z")}
FACTORS = np.array([0.25, 1.0, 3.0, 0.7])


def sets_of(nodes, outputs, constants=None, inputs=None):
    model = network(nodes, inputs or {"x": MAPS}, outputs, {**CONV, **(constants or {}), **BIASES})
    prepared = preprocess_onnx(model)
    plan = make_plan(Graph(prepared))
    return prepared, plan, find_channel_sets(plan)


def conv(source, weight, target, **attributes):
    return node("Conv", f"{source} {weight} b_{target}", target, name=target, **attributes)


def between(*middle, last="m", outputs=None, **more):
    nodes = [conv("x", "w0", "a"), *middle, conv(last, "w1", "y")]
    return sets_of(nodes, outputs or {"y": MAPS}, **more)


#: Networks with one set each; the last layer reads it.
SCALABLE = {
    "nothing": lambda: between(last="a"),
    "relu": lambda: between(node("Relu", "a", "m")),
    "leaky relu": lambda: between(node("LeakyRelu", "a", "m", alpha=0.1)),
    "prelu": lambda: between(
        node("PRelu", "a s", "m"), constants={"s": np.abs(floats(4, 1, 1)) / 2}
    ),
    "max pool": lambda: between(
        node("MaxPool", "a", "m", kernel_shape=[2, 2], strides=[2, 2]), outputs={"y": (1, 4, 4, 4)}
    ),
    "average pool, padded": lambda: between(
        node("AveragePool", "a", "m", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    ),
    "two readers": lambda: sets_of(
        [conv("x", "w0", "a"), conv("a", "w1", "y"), conv("a", "w2", "z")],
        {"y": MAPS, "z": MAPS},
    ),
    "residual": lambda: sets_of(
        [
            conv("x", "w0", "a"), conv("a", "w1", "c"), node("Add", "a c", "d"),
            node("Relu", "d", "e"), conv("e", "w2", "y"),
        ],
        {"y": MAPS},
    ),
    "flatten": lambda: sets_of(
        [conv("x", "w0", "a"), node("Flatten", "a", "f"), node("Gemm", "f g", "y", transB=1)],
        {"y": (1, 3)}, {"g": floats(3, 256)},
    ),
    "global pool and reshape": lambda: sets_of(
        [
            conv("x", "w0", "a"), node("GlobalAveragePool", "a", "p"),
            node("Reshape", "p s", "f"), node("Gemm", "f g", "y", transB=1),
        ],
        {"y": (1, 3)}, {"g": floats(3, 4), "s": np.array([1, 4])},
    ),
    "depthwise": lambda: sets_of(
        [conv("x", "d", "a", group=4), node("Relu", "a", "m"), conv("m", "w1", "y")],
        {"y": MAPS}, {"d": floats(4, 1, 1, 1)},
    ),
    "into depthwise": lambda: sets_of(
        [conv("x", "w0", "a"), conv("a", "d", "y", group=4)], {"y": MAPS},
        {"d": floats(4, 1, 1, 1)},
    ),
    "groups": lambda: sets_of(
        [conv("x", "g0", "a", group=2), conv("a", "g1", "y", group=2)], {"y": MAPS},
        {"g0": floats(4, 2, 1, 1, seed=1), "g1": floats(4, 2, 1, 1, seed=2)},
    ),
    "transposed": lambda: sets_of(
        [
            node("ConvTranspose", "x t0 b_a", "a"), node("ConvTranspose", "a t1", "y", group=2),
        ],
        {"y": MAPS}, {"t0": floats(4, 4, 1, 1, seed=1), "t1": floats(4, 2, 1, 1, seed=2)},
    ),
    "transposed in groups": lambda: sets_of(
        [node("ConvTranspose", "x t b_a", "a", group=2), conv("a", "w0", "y")],
        {"y": MAPS}, {"t": floats(4, 2, 1, 1)},
    ),
    "signal": lambda: sets_of(
        [node("Conv", "x u b_a", "a"), node("Relu", "a", "r"), node("Conv", "r v", "y")],
        {"y": (1, 4, 8)}, {"u": floats(4, 4, 1, seed=1), "v": floats(4, 4, 1, seed=2)},
        inputs={"x": (1, 4, 8)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SCALABLE)
def test_the_function_stays_and_the_channels_are_divided(case):
    model, plan, sets = SCALABLE[case]()
    assert len(sets) == 1, case
    (entry,) = sets
    assert entry.channels == 4
    scaled = scale_model(model, plan, sets, {entry.name: FACTORS})
    print("seed", SEED)
    rng = np.random.default_rng(SEED)
    (name,) = plan.graph.inputs
    feed = {name: rng.normal(size=plan.graph.shape(name)).astype(np.float32)}
    before, after = run(model, feed), run(scaled, feed)
    for output, values in before.items():
        np.testing.assert_allclose(after[output], values, rtol=1e-4, atol=1e-5)
    one, other = (_tensor(m, "a", feed) for m in (model, scaled))
    along = FACTORS.reshape(1, 4, *(1,) * (one.ndim - 2))
    np.testing.assert_allclose(other * along, one, rtol=1e-4, atol=1e-5)


def _tensor(model, name, feed):
    copy = type(model)()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(v for v in model.graph.value_info if v.name == name)
    return run(copy, feed)[name]


WIDE = {f"v{i}": floats(4, 8, 1, 1, seed=20 + i) for i in range(2)}


def concat(parts, result, axis=1):
    return node("Concat", parts, result, axis=axis)


#: Networks with Concats, and how many factors the one set has.
JOINED = {
    "of two layers": (
        lambda: sets_of(
            [conv("x", "w0", "a"), conv("x", "w1", "c"), concat("a c", "d"), conv("d", "v0", "y")],
            {"y": MAPS}, WIDE,
        ),
        8,
    ),
    "behind functions": (
        lambda: sets_of(
            [
                conv("x", "w0", "a"), node("Relu", "a", "r"), conv("r", "w1", "c"),
                concat("r c", "d"), node("MaxPool", "d", "p", kernel_shape=[1, 1]),
                conv("p", "v0", "y"), conv("c", "w2", "z"),
            ],
            {"y": MAPS, "z": MAPS}, WIDE,
        ),
        8,
    ),
    "with an input": (
        lambda: sets_of(
            [conv("x", "w0", "a"), concat("x a", "d"), conv("d", "v0", "y")], {"y": MAPS}, WIDE
        ),
        4,
    ),
    "of the same twice": (
        lambda: sets_of(
            [conv("x", "w0", "a"), concat("a a", "d"), conv("d", "v0", "y")], {"y": MAPS}, WIDE
        ),
        4,
    ),
    "in a Concat": (
        lambda: sets_of(
            [
                conv("x", "w0", "a"), conv("a", "w1", "c"), concat("a c", "d"),
                concat("d a", "e"), conv("e", "u", "y"),
            ],
            {"y": MAPS}, {"u": floats(4, 12, 1, 1)},
        ),
        8,
    ),
    "added to another": (
        lambda: sets_of(
            [
                conv("x", "w0", "a"), conv("x", "w1", "c"), concat("a c", "d"),
                node("Conv", "x w2", "e"), node("Conv", "x w3", "f"), concat("e f", "g"),
                node("Add", "d g", "h"), conv("h", "v0", "y"),
            ],
            {"y": MAPS}, WIDE,
        ),
        8,
    ),
    "added to a layer": (
        lambda: sets_of(
            [
                conv("x", "w0", "a"), conv("x", "w1", "c"), concat("a c", "d"),
                node("Conv", "x u", "e"), node("Add", "d e", "h"), conv("h", "v0", "y"),
            ],
            {"y": MAPS}, {**WIDE, "u": floats(8, 4, 1, 1)},
        ),
        8,
    ),
    "flattened": (
        lambda: sets_of(
            [
                conv("x", "w0", "a"), conv("x", "w1", "c"), concat("a c", "d"),
                node("Flatten", "d", "f"), node("Gemm", "f g", "y", transB=1),
            ],
            {"y": (1, 3)}, {"g": floats(3, 512)},
        ),
        8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", JOINED)
def test_parts_of_a_concat_are_scaled_each_as_it_is_made(case):
    make, channels = JOINED[case]
    model, plan, sets = make()
    (entry,) = sets
    assert entry.channels == channels
    assert len(entry.parts) == channels
    factors = np.geomspace(0.2, 5.0, channels)
    scaled = scale_model(model, plan, sets, {entry.name: factors})
    feed = {"x": floats(*MAPS, seed=SEED)}
    before, after = run(model, feed), run(scaled, feed)
    for output, values in before.items():
        np.testing.assert_allclose(after[output], values, rtol=1e-4, atol=1e-4)
    for name in entry.tensors:
        one, other = (_tensor(m, name, feed) for m in (model, scaled))
        along = entry.along(factors, name).reshape(1, -1, *(1,) * (one.ndim - 2))
        np.testing.assert_allclose(other * along, one, rtol=1e-4, atol=1e-4)


def test_parts_that_differ_in_size_reach_equally_far():
    """A layer reads parts of which one is 80 times as large, and the other counts as much."""
    nodes = [
        conv("x", "w0", "a"), conv("x", "w1", "c"), concat("a c", "d"), conv("d", "v", "y"),
    ]  # fmt: skip
    constants = {**CONV, **BIASES, "v": WIDE["v0"].copy()}
    constants["w0"], constants["b_a"] = constants["w0"] * 20, constants["b_a"] * 20
    constants["w1"], constants["b_c"] = constants["w1"] / 4, constants["b_c"] / 4
    constants["v"][:, 4:] *= 80
    model = preprocess_onnx(network(nodes, {"x": MAPS}, {"y": MAPS}, constants))
    samples = [{"x": floats(*MAPS, seed=number)} for number in range(16)]
    for chip in ("esp32s3", "esp32p4"):
        options = Options("mse", "output", False, (), ("equalization",), 4)
        done = quantize(model, samples, find_chip(chip), options)
        (trial,) = done.trials
        assert trial.applied
        assert 10 * np.log10(trial.before / trial.after) > 12


CLIP = {"low": np.float32(0), "high": np.float32(6)}


#: Networks in which nothing may be scaled, each for one reason.
UNSCALABLE = {
    "clip": lambda: between(node("Clip", "a low high", "m"), constants=CLIP),
    "sigmoid": lambda: between(node("Sigmoid", "a", "m")),
    "an output": lambda: sets_of(
        [conv("x", "w0", "a"), conv("a", "w1", "y")], {"a": MAPS, "y": MAPS}
    ),
    "another reader": lambda: sets_of(
        [conv("x", "w0", "a"), node("Tanh", "a", "z"), conv("a", "w1", "y")],
        {"y": MAPS, "z": MAPS},
    ),
    "added to an input": lambda: sets_of(
        [conv("x", "w0", "a"), node("Add", "a x", "m"), conv("m", "w1", "y")], {"y": MAPS}
    ),
    "added to a constant": lambda: between(
        node("Relu", "a", "r"), node("Add", "r s", "m"), constants={"s": floats(1, 4, 1, 1)}
    ),
    "softmax": lambda: between(node("Softmax", "a", "m", axis=1)),
    "a Concat that is an output": lambda: sets_of(
        [conv("x", "w0", "a"), concat("a a", "d"), conv("d", "v0", "y")],
        {"d": (1, 8, 8, 8), "y": MAPS}, WIDE,
    ),
    "a Concat of rows": lambda: sets_of(
        [conv("x", "w0", "a"), concat("a a", "d", axis=2), conv("d", "w1", "y")],
        {"y": (1, 4, 16, 8)},
    ),
    "a Concat with a constant": lambda: sets_of(
        [conv("x", "w0", "a"), concat("a k", "d"), conv("d", "v0", "y")],
        {"y": MAPS}, {**WIDE, "k": floats(*MAPS)},
    ),
    "Concats of other sizes, added": lambda: sets_of(
        [
            conv("x", "w0", "a"), conv("x", "w1", "c"), concat("a c", "d"),
            node("Conv", "x u", "e"), node("Conv", "x t", "f"), concat("e f", "g"),
            node("Add", "d g", "h"), conv("h", "v0", "y"),
        ],
        {"y": MAPS}, {**WIDE, "u": floats(2, 4, 1, 1), "t": floats(6, 4, 1, 1)},
    ),
    "shared weights": lambda: sets_of(
        [conv("x", "w0", "a"), conv("a", "w0", "y")], {"y": MAPS}
    ),
    "flattened elsewhere": lambda: sets_of(
        [
            conv("x", "w0", "a"), node("Flatten", "a", "f", axis=2),
            node("Gemm", "f g", "y", transB=1),
        ],
        {"y": (4, 3)}, {"g": floats(3, 64)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSCALABLE)
def test_what_may_not_be_scaled(case):
    assert UNSCALABLE[case]()[2] == []


def test_moments_follow_the_channels():
    model, plan, (entry,) = SCALABLE["relu"]()
    scaled = scale_model(model, plan, [entry], {entry.name: FACTORS})
    (reader,) = entry.readers
    measured = []
    for network_ in (model, scaled):
        statistics = LayerStatistics(make_plan(Graph(network_)))
        for seed in range(3):
            feed = {"x": floats(*MAPS, seed=seed)}
            statistics.observe({"m": _tensor(network_, "m", feed), **feed})
        measured.append(statistics)
    factors = patch_factors(reader, entry, FACTORS, plan.graph)
    divided = measured[0].divided({reader: factors})
    np.testing.assert_allclose(divided.moments(reader), measured[1].moments(reader), rtol=1e-4)
    np.testing.assert_allclose(divided.means(reader), measured[1].means(reader), rtol=1e-4)


def digits(chip, steps, count=32):
    model = preprocess_onnx(DATA / "digits_cnn.onnx")
    target = find_chip(chip)
    (name,) = (value.name for value in model.graph.input)
    samples = [{name: x[np.newaxis]} for x in digits_arrays()["calibration"][:count]]
    return quantize(model, samples, target, Options("mse", "output", False, (), steps, 4))


def test_balances():
    """All activations alike at 1, all weights at 0; no ratio beyond the limit."""
    bench = digits("esp32s3", ()).bench
    entry = bench.channel_sets[0]
    reach = np.linspace(1.0, 5.0, entry.channels)
    alike = reach / balanced(bench, entry, reach, 1.0)
    np.testing.assert_allclose(alike, reach.max())
    wide = np.full(entry.channels, 1e-3)
    wide[0] = 1.0
    factors = balanced(bench, entry, wide, 1.0)
    assert factors.max() / factors.min() == pytest.approx(LARGEST_RATIO)
    dead = np.zeros(entry.channels)
    np.testing.assert_array_equal(balanced(bench, entry, dead, 0.5), 1.0)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_the_step_gains_on_held_out_samples_or_is_not_kept(chip):
    done = digits(chip, ("rounding", "equalization", "bias"))
    trial = next(t for t in done.trials if t.step == "equalization")
    assert trial.candidate.scaling
    before = Candidate(rounded=done.trials[0].applied)
    noise = done.bench.of(trial.candidate).held_out_noise(trial.candidate)
    assert trial.applied == (noise < done.bench.of(before).held_out_noise(before))
    assert bool(done.candidate.scaling) == trial.applied


def test_what_is_written_is_the_scaled_network():
    done = digits("esp32p4", ("rounding", "equalization"))
    trial = done.trials[1]
    sample = done.bench.held_out[0]
    reference = run(preprocess_onnx(DATA / "digits_cnn.onnx"), sample)
    for candidate in (Candidate(), trial.candidate):
        bench = done.bench.of(candidate)
        assert (bench.model is done.bench.of(Candidate()).model) == (not candidate.scaling)
        written = done.write(candidate)
        for name, values in run(written, sample).items():
            error = np.abs(values - reference[name]).max() / np.abs(reference[name]).max()
            assert error < 0.2
    plain, scaled = (done.write(c).SerializeToString() for c in (Candidate(), trial.candidate))
    assert plain != scaled


def test_scaled_networks_are_made_once_and_lead_back():
    bench = digits("esp32s3", ()).bench
    (first, *_) = bench.channel_sets
    candidate = Candidate(scaling={first.name: np.full(first.channels, 2.0)})
    scaled = bench.of(candidate)
    again = Candidate(scaling={first.name: np.full(first.channels, 2.0)})
    assert bench.of(again) is scaled is scaled.of(again)
    assert scaled.of(Candidate()) is bench


def test_a_common_power_of_two_moves_exponents_and_nothing_else():
    """Halving a tensor moves its exponent down by one; every integer stays."""
    bench = digits("esp32p4", ()).bench
    (first, *_) = bench.channel_sets
    halved = Candidate(scaling={first.name: np.full(first.channels, 2.0)})
    before, after = bench.assign(Candidate()), bench.of(halved).assign(halved)
    for name, exponent in before.tensors.items():
        assert after.tensors[name] == exponent - (name in first.tensors)
    assert bench.of(halved).held_out_noise(halved) == pytest.approx(
        bench.held_out_noise(Candidate())
    )


def test_the_same_each_time():
    one, other = (digits("esp32s3", ("rounding", "equalization"), 16) for _ in range(2))
    assert one.write().SerializeToString() == other.write().SerializeToString()
