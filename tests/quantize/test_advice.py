"""What the report says of lost accuracy: the cause is named, and the option gains what it says."""

import itertools
import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
from noise import CHIPS, UNSEEN, levels, quantized, samples
from qdq_networks import floats, network, node

from tvm_espdl.chips import find_chip
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.preprocess import preprocess_onnx
from tvm_espdl.quantize.advice.advising import advise
from tvm_espdl.quantize.advice.losses import Loss, Rounding
from tvm_espdl.quantize.advice.mends import changes_for
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.quantization import Options, quantize
from tvm_espdl.quantize.report.quantization_report import QuantizationReport
from tvm_espdl.samples import read_samples

SHAPE = (1, 8, 6, 6)
each_chip = pytest.mark.parametrize("chip", CHIPS)


def convolution(x, y, w, name, **attributes):
    return node("Conv", f"{x} {w}", y, name=name, **attributes)


def shared():
    """Two parts of a Concat, the large one of which hardly matters behind it."""
    nodes = [
        *(node("Tanh", "x", "a", name="small"), node("Mul", "x k", "b", name="large")),
        node("Concat", "a b", "c", axis=1, name="joined"),
        *(node("Sin", "c", "s", name="sin"), convolution("c", "y", "u", "read")),
    ]
    weights = floats(3, 16, 1, 1, seed=2)
    weights[:, :8] *= 100
    constants = {"k": np.float32(50), "u": weights}
    outputs = {"y": (1, 3, 6, 6), "s": (1, 16, 6, 6)}
    return network(nodes, {"x": SHAPE}, outputs, constants), "shares its exponent 0 with b in Conca"


def spread():
    """Channels of very different size, of which the next layer makes equal ones."""
    weights, undone = floats(8, 8, 1, 1, seed=1), floats(8, 8, 1, 1, seed=2)
    scale = np.float32(4.0) ** np.arange(-4, 4)
    nodes = [
        *(convolution("x", "a", "w", "first"), node("Sigmoid", "a", "b", name="bend")),
        convolution("b", "y", "v", "last"),
    ]
    weights = weights * scale[:, None, None, None] / 8
    weights[:, :, 0, 0] += scale[:, None] * 1e-4
    constants = {"w": weights.astype(np.float32), "v": undone}
    return network(nodes, {"x": SHAPE}, {"y": SHAPE}, constants), "have one exponent"


def tailed():
    """Few of the values of an input are large, and all others lie on a few integers."""
    nodes = [
        *(node("Tanh", "x", "a", name="bend"), convolution("a", "y", "w", "last")),
    ]
    return network(nodes, {"x": SHAPE}, {"y": SHAPE}, {"w": floats(8, 8, 1, 1)}), "few of its steps"


def with_tails(data, size=200.0):
    for number, sample in enumerate(data):
        sample["x"].reshape(-1)[number::97] *= size
    return data


def heavy_bias():
    """A bias that switches one channel off, and leaves 20 bits few for the others."""
    nodes = [
        *(node("Conv", "x w k", "a", name="first"), node("Relu", "a", "b", name="bend")),
        convolution("b", "y", "v", "last"),
    ]
    bias = np.array([-3000, *[0.5] * 7], np.float32)
    constants = {"w": floats(8, 8, 1, 1, scale=0.2), "k": bias, "v": floats(8, 8, 1, 1, seed=3)}
    return network(
        nodes, {"x": SHAPE}, {"y": SHAPE}, constants
    ), "fit the accumulator of the esp32s3"


def advice_of(model, data, chip, *, exponents=None, **choices):
    """Without compiling anything."""
    target = find_chip(chip)
    options = replace(Options("mse", "output", target.per_channel, (), None, 4), **choices)
    prepared = preprocess_onnx(model)
    read = read_samples(data[:-UNSEEN], input_signature(prepared))
    done = quantize(prepared, read, target, options, exponents=exponents)
    return advise(done.bench, done.candidate, True)


def mending(advice):
    """The options of all lines as arguments."""
    words = [one.mend.options for one in advice if one.mend is not None]
    found = {"int16": [], "float": []}
    for option, name in {pair for w in words for pair in zip(w[::2], w[1::2], strict=True)}:
        found[option.removeprefix("--")].append(name)
    return {option: sorted(names) for option, names in found.items() if names}


def network_level(model, data, chip, **options):
    """As the report counts: noise over signal, the mean over the outputs."""
    found = levels(model, data, chip, **options).values()
    return -10 * np.log10(np.mean([10 ** (-one / 10) for one in found]))


@pytest.mark.parametrize(
    ("make", "chip"), [(shared, "esp32p4"), *((tailed, chip) for chip in CHIPS)]
)
def test_the_cause_is_named_and_each_option_gains_what_it_says(make, chip):
    """With the chip's bits, on samples that nothing has seen."""
    model, cause = make()
    data = samples({"x": SHAPE})
    if make is tailed:
        data = with_tails(data)
    # Another method would let the tails saturate, which Tanh does anyway.
    options = {"recover": ("rounding",)}
    found = advice_of(model, data, chip, **options)
    assert any(cause in one.cause for one in found), list(map(str, found))
    assert all(one.cost >= 0 for one in found)
    before = network_level(model, data, chip, **options)
    best = max((one for one in found if one.mend), key=lambda one: one.mend.gain)
    gained = network_level(model, data, chip, **options, **mending([best])) - before
    assert best.mend.gain > 3
    assert gained > min(best.mend.gain, 20) * 0.7, (best.mend, gained)
    assert all(one.mend.time > 0 for one in found if one.mend)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32"])
def test_channels_of_different_size_where_the_chip_has_one_exponent(chip):
    model, cause = spread()
    options = {"weights": "minmax", "recover": ("rounding",)}
    for one, named in ((chip, True), ("esp32p4", False)):
        found = advice_of(model, samples({"x": SHAPE}), one, **options)
        assert any(cause in entry.cause for entry in found) == named, list(map(str, found))


def test_what_saturates_is_named():
    model, _ = tailed()
    found = advice_of(model, samples({"x": SHAPE}), "esp32s3", exponents={"x": {8: -8, 16: -13}})
    first = found[0]
    assert first.layer == "x"
    assert "saturate" in first.cause


def test_a_bias_that_the_accumulator_has_no_bits_for():
    model, cause = heavy_bias()
    found = advice_of(model, samples({"x": SHAPE}), "esp32s3", recover=("rounding",))
    assert cause in found[0].cause, list(map(str, found))
    assert found[0].mend.options[:2] == ("--int16", "first")
    assert found[0].mend.gain > 10
    # 32 bits hold it.
    data = samples({"x": SHAPE})
    assert not any("accumulator" in one.cause for one in advice_of(model, data, "esp32p4"))


@each_chip
def test_a_good_network_gets_none(chip):
    nodes = [convolution("x", "a", "w", "first"), node("Relu", "a", "y", name="bend")]
    model = network(nodes, {"x": SHAPE}, {"y": SHAPE}, {"w": floats(8, 8, 1, 1)})
    assert advice_of(model, samples({"x": SHAPE}), chip) == ()
    # Nor one that is mended already.
    model, _ = shared()
    assert advice_of(model, samples({"x": SHAPE}), chip, int16=("*",)) == ()


@pytest.fixture(scope="module")
def hostile():
    """Names that a shell, a page and a terminal would take for something else."""
    model, _ = shared()
    names = {"joined": "it's `$(joined)`; <b>&", "read": "read all", "a": "a\x1b[31m b"}
    for one in model.graph.node:
        one.name = names.get(one.name, one.name)
        for tensors in (one.input, one.output):
            tensors[:] = [names.get(name, name) for name in tensors]
    return model


def test_the_options_can_be_pasted(hostile):
    """Into a shell from the text, and all of them are in JSON and on the page."""
    report = quantized(hostile, samples({"x": SHAPE}), "esp32s3", measure=True).report
    assert isinstance(report, QuantizationReport)
    lines = str(report).splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert "\x1b" not in str(report)
    found = [one for one in report.advice if one.mend is not None]
    assert found
    pasted = [line.strip() for line in lines if line.startswith("      --")]
    typed = " ".join(line.removesuffix("\\") for line in pasted)
    assert shlex.split(typed) == [word for one in found for word in one.mend.options]
    stored = json.loads(report.to_json())["advice"]
    assert [entry["layer"] for entry in stored] == [one.layer for one in report.advice]
    assert shlex.split(stored[0]["mend"]["line"]) == stored[0]["mend"]["options"]
    assert "<b>&;" not in report.to_html()
    assert "it&#x27;s" in report.to_html() or "it&#39;s" in report.to_html()


def test_the_same_advice_each_time():
    model, _ = shared()
    first, second = (advice_of(model, samples({"x": SHAPE}), "esp32p4") for _ in range(2))
    assert first == second


def test_only_layers_around_a_loss_become_wide():
    """Those that make what is rounded, those that read it, and both."""
    names = [f"t{number}" for number in range(6)]
    nodes = [
        convolution(x, y, "w", f"layer{number}")
        for number, (x, y) in enumerate(itertools.pairwise(names))
    ]
    model = network(nodes, {"t0": SHAPE}, {"t5": SHAPE}, {"w": floats(8, 8, 1, 1)})
    plan = make_plan(Graph(preprocess_onnx(model)))
    (maker,) = (i for i in plan.rules if plan.graph.nodes[i].name == "layer2")
    (reader,) = (i for i in plan.rules if plan.graph.nodes[i].name == "layer3")
    loss = Loss(Rounding("t3", maker, frozenset({"t3"}), 0.1), 0.1)
    wide = [change.wide for change in changes_for(loss, plan)]
    assert wide == [{maker}, {maker, reader}, {reader}]
