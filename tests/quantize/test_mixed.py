"""The automatic choice of int16 layers: costs, order, where it stops, and what it accounts for."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from networks import digits_arrays
from qdq_networks import floats, network, node

from tvm_espdl.chips import CHIPS, find_chip
from tvm_espdl.demo import DATA
from tvm_espdl.errors import EspdlError
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.quantize.candidate import Candidate
from tvm_espdl.quantize.mixed import Goal
from tvm_espdl.quantize.mixed.costs import network_cycles
from tvm_espdl.quantize.mixed.trials import TRIAL_SAMPLES
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.precision import choosable, widen, widen_nodes
from tvm_espdl.quantize.quantization import Options
from tvm_espdl.quantize.quantization import quantize as quantization_of
from tvm_espdl.quantize.recovery import recover

WEIGHTS = {"w": floats(8, 3, 3, 3), "d": floats(8, 1, 3, 3), "g": floats(4, 32)}


def layers():
    """A convolution (8x6x6), a depthwise one (8x4x4), a pool (8x2x2) and a Gemm (4)."""
    return network(
        [
            node("Conv", "x w", "a", name="conv"),
            node("Conv", "a d", "b", name="depthwise", group=8),
            node("AveragePool", "b", "p", name="pool", kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", "p", "f", name="flatten"),
            node("Gemm", "f g", "y", name="gemm", transB=1),
        ],
        {"x": (1, 3, 8, 8)},
        {"y": (1, 4)},
        WEIGHTS,
    )


@pytest.mark.parametrize("name", ["esp32s3", "esp32p4", "esp32"])
def test_cycles_are_counted_from_shapes_by_hand(name):
    chip = find_chip(name)
    cycles = chip.cycles
    plan = make_plan(Graph(preprocess_onnx(layers())))
    macs = {"conv": 8 * 36 * 27, "depthwise": 8 * 16 * 9, "gemm": 4 * 32}
    for wide, which in (((), 0), (("*",), 1)):
        expected = (
            cycles.convolution[which] * macs["conv"]
            + cycles.depthwise[which] * macs["depthwise"]
            + cycles.product[which] * macs["gemm"]
            + cycles.element[which] * (32 + 32)
        )
        assert network_cycles(widen(plan, wide), chip) == pytest.approx(expected)


def test_borders_cost_a_requantize():
    chip, plan = find_chip("esp32s3"), make_plan(Graph(preprocess_onnx(layers())))
    cycles = chip.cycles
    extra = network_cycles(widen(plan, ["depthwise"]), chip) - network_cycles(plan, chip)
    macs = 8 * 16 * 9
    own = (cycles.depthwise[1] - cycles.depthwise[0]) * macs
    # In (8x6x6) and out (8x4x4).
    assert extra == pytest.approx(own + (8 * 36 + 8 * 16) * cycles.requantize)


def test_every_family_has_figures_and_int16_costs_more():
    for chip in CHIPS.values():
        cycles = chip.cycles
        for pair in (cycles.convolution, cycles.depthwise, cycles.product, cycles.element):
            assert 0 < pair[0] < pair[1] < 4 * pair[0]


def of_width(bench, nodes):
    """The network in which just these are int16."""
    return bench.with_plan(widen_nodes(bench.plan, nodes))


def digits(goal, chip="esp32s3", int16=("auto",), recover=("rounding", "bias")):
    model = preprocess_onnx(DATA / "digits_cnn.onnx")
    target = find_chip(chip)
    options = Options("mse", "output", target.per_channel, int16, recover, 4, goal)
    (name,) = (value.name for value in model.graph.input)
    samples = [{name: x[np.newaxis]} for x in digits_arrays()["calibration"][:32]]
    return quantization_of(model, samples, target, options)


@pytest.fixture(scope="module")
def wanted():
    return digits(Goal(wanted_snr=34.0))


def test_the_wanted_accuracy_is_reached_and_no_layer_more(wanted):
    tradeoff = wanted.tradeoff
    assert tradeoff.reached
    snrs = [step.snr for step in tradeoff.steps]
    assert len(snrs) > 1
    assert snrs[-1] >= 34.0 > max(snrs[:-1])
    assert tradeoff.chosen == len(snrs) - 1
    # The figures are those of the network that came out.
    noise = wanted.bench.held_out_noise(wanted.candidate)
    assert -10 * np.log10(noise) == pytest.approx(snrs[-1])


def test_the_layers_of_the_account_are_those_that_are_int16(wanted):
    plan = wanted.bench.plan
    named = make_plan(plan.graph)
    assert widen(named, wanted.tradeoff.layers).wide == plan.wide
    cycles = network_cycles(plan, wanted.bench.chip)
    assert cycles - wanted.tradeoff.cycles == pytest.approx(wanted.tradeoff.steps[-1].extra_cycles)
    assert wanted.tradeoff.cycles == network_cycles(named, wanted.bench.chip)


def test_no_dear_layer_is_superfluous(wanted):
    """Without the dearest layer that was taken, the wanted accuracy is missed or costs more."""
    tradeoff, bench = wanted.tradeoff, wanted.bench
    cost = {entry.layer: entry.extra_cycles for entry in tradeoff.alone}
    dearest = max(tradeoff.layers, key=cost.__getitem__)
    nodes = {node.name: index for index, node in enumerate(bench.plan.graph.nodes)}
    rest = of_width(bench, [nodes[name] for name in tradeoff.layers if name != dearest])
    candidate, _ = recover(rest, ("rounding", "bias"))
    snr = -10 * np.log10(rest.held_out_noise(candidate))
    cheaper = network_cycles(rest.plan, rest.chip) < network_cycles(bench.plan, bench.chip)
    assert snr < 34.0 or not cheaper


def test_each_layer_alone_is_accounted_for(wanted):
    bench, alone = wanted.bench, wanted.tradeoff.alone
    nodes = {bench.plan.graph.nodes[i].name: i for i in choosable(bench.plan)}
    assert {entry.layer for entry in alone} == set(nodes)
    entry = alone[0]
    plain, one = of_width(bench, []), of_width(bench, [nodes[entry.layer]])
    extra = network_cycles(one.plan, one.chip) - network_cycles(plain.plan, plain.chip)
    assert entry.extra_cycles == pytest.approx(extra)
    noise = one.noise(Candidate(rounded=True), slice(TRIAL_SAMPLES))
    assert entry.snr == pytest.approx(-10 * np.log10(noise))
    base = plain.noise(Candidate(rounded=True), slice(TRIAL_SAMPLES))
    worth = [(base - 10 ** (-e.snr / 10)) / e.extra_cycles for e in alone]
    assert worth == sorted(worth, reverse=True)


def test_a_budget_is_kept():
    for budget in (0.05, 0.3):
        tradeoff = digits(Goal(budget=budget)).tradeoff
        assert all(tradeoff.share(step.extra_cycles) <= budget for step in tradeoff.steps)
        assert tradeoff.reached
        snrs = [step.snr for step in tradeoff.steps]
        assert snrs[tradeoff.chosen] == max(snrs)


def test_what_cannot_be_reached_is_said():
    tradeoff = digits(Goal(wanted_snr=200.0, budget=0.2)).tradeoff
    assert not tradeoff.reached
    assert "not reached: 200 dB wanted" in str(tradeoff)


def test_what_int8_reaches_needs_no_layer():
    done = digits(Goal(wanted_snr=5.0))
    assert (done.tradeoff.layers, done.tradeoff.reached) == ((), True)
    assert not done.bench.plan.wide


def test_no_cycle_is_spent_on_what_recovery_gives():
    """Equalization gains on this network: a goal that it reaches needs no layer."""
    steps = ("rounding", "equalization", "bias")
    plain = digits(Goal(wanted_snr=1.0)).tradeoff.steps[0].snr
    equalized = digits(Goal(wanted_snr=1.0), recover=steps).tradeoff.steps[0].snr
    assert equalized > plain + 0.2
    between = digits(Goal(wanted_snr=(plain + equalized) / 2), recover=steps).tradeoff
    assert (between.layers, between.reached) == ((), True)


def test_named_layers_stay_int16():
    model = preprocess_onnx(DATA / "digits_cnn.onnx")
    last = next(n.name for n in model.graph.node if n.op_type == "Gemm")
    done = digits(Goal(budget=0.3), int16=("auto", last))
    plan = done.bench.plan
    assert any(plan.graph.nodes[index].name == last for index in plan.wide)
    assert last not in {entry.layer for entry in done.tradeoff.alone}


def test_the_account_fits_a_terminal(wanted):
    text = str(wanted.tradeoff)
    assert max(map(len, text.splitlines())) <= 100
    first = ["before", "+0.0%", f"{wanted.tradeoff.steps[0].snr:.1f}", "dB"]
    assert text.splitlines()[1].split() == first


def test_the_same_choice_each_time(wanted):
    again = digits(Goal(wanted_snr=34.0))
    assert str(again.tradeoff) == str(wanted.tradeoff)
    assert again.write().SerializeToString() == wanted.write().SerializeToString()


def test_a_layer_whose_input_the_chip_cannot_widen_is_no_choice():
    """ESP-DL leaves the last 8 results of such a requantize unwritten: 8 * 7 * 7 is 8 modulo 16."""
    model = network(
        [node("Conv", "x w", "a", name="first"), node("Conv", "a v", "y", name="second")],
        {"x": (1, 3, 9, 9)}, {"y": (1, 4, 7, 7)},
        {"w": floats(8, 3, 3, 3), "v": floats(4, 8, 1, 1)},
    )  # fmt: skip
    samples = [{"x": floats(1, 3, 9, 9, seed=i)} for i in range(8)]
    for chip, refused in (("esp32p4", True), ("esp32", False)):
        options = Options("mse", "output", False, ("auto",), (), 0, Goal(budget=5.0))
        done = quantization_of(preprocess_onnx(model), samples, find_chip(chip), options)
        (second,) = (e for e in done.tradeoff.alone if e.layer == "second")
        assert bool(second.refused) == refused
        assert ("392 elements" in second.refused) == refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"int16": "auto"}, "without a goal"),
        ({"wanted_snr": 30.0}, "wanted_snr"),
        ({"budget": 0.1, "int16": ["conv"]}, "budget"),
        ({"int16": "auto", "budget": -0.1}, "option budget"),
        ({"int16": "auto", "wanted_snr": float("nan")}, "option wanted_snr"),
    ],
)
def test_goals_that_make_no_sense_are_refused(options, says):
    with pytest.raises(EspdlError, match=says):
        quantize_onnx(layers(), floats(8, 3, 8, 8), measure=False, **options)


def test_the_command_line_chooses(tmp_path):
    np.save(tmp_path / "c.npy", floats(16, 3, 8, 8))
    onnx.save(layers(), tmp_path / "m.onnx")
    command = [
        *(sys.executable, "-m", "tvm_espdl.cli", "quantize", "--input_model", tmp_path / "m.onnx"),
        *("--output_model", tmp_path / "q.onnx", "--calibrate_dataset", tmp_path / "c.npy"),
        *("--int16", "auto", "--budget", "0.5", "--int16", "gemm", "--no_measure"),
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = onnx.load(tmp_path / "q.onnx")
    types = {t.data_type for t in written.graph.initializer if t.name.endswith("g_quantized")}
    assert types == {onnx.TensorProto.INT16}
