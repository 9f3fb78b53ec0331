"""For each known mistake: a board that has made it, the layer that is named, and the verdict."""

from pathlib import Path

import numpy as np
import pytest
from board_faults import (
    HALF_UP,
    lying_over,
    rounded_by,
)
from board_log import board_log
from broken_networks import board_of, digits, residual, sample_of, signals, step_of
from known_mistakes import LEFT_FROM_BEFORE, MISTAKES, OVERWRITTEN, models_of
from layer_formulas import away, floor, half_even, truncation

from tvm_espdl import debug
from tvm_espdl.debug import explanations
from tvm_espdl.debug.explanations import EXPLANATIONS
from tvm_espdl.debug.explanations.explanation import Explanation


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_recognized(mistake):
    name, network, kind, place, fault = MISTAKES[mistake]
    network = network()
    step, sample = step_of(network, kind, place), sample_of(network)
    board = board_of(network, sample, step.outputs[0], fault)
    result = debug.compare(network, board, sample)
    assert not result.ok
    assert result.first.tensor == step.outputs[0], result
    assert result.first_layer.operator == kind
    (culprit,) = result.culprits
    assert culprit.tensor == step.outputs[0]
    assert culprit.explanations and culprit.explanations[0].name == name, result
    assert f"culprit: {step.outputs[0]}, {result.first_layer}" in str(result)
    others = [fault.verdict for fault in result.faults if fault is not culprit]
    assert set(others) <= {"inherits"} and len(result.differences) == len(result.faults)


@pytest.mark.parametrize("mistake", OVERWRITTEN)
def test_a_tensor_that_lies_over_an_input_is_named(mistake):
    network, kind, place, tensor, at = OVERWRITTEN[mistake]
    network = network()
    step, sample = step_of(network, kind), sample_of(network)
    fault = lying_over(network.observe(sample)[tensor], place, at)
    result = debug.compare(network, board_of(network, sample, step.outputs[0], fault), sample)
    assert result.first.tensor == step.outputs[0] and result.first_layer.operator == kind
    (culprit,) = result.culprits
    (found,) = culprit.explanations
    assert found.name == "input_overwritten"
    lies = f"{tensor} lies over {step.inputs[place]}, from byte {at} of it on"
    assert found.detail == lies


def two_runs(network, step, samples, faults):
    """A log of two runs, each with its own mistake in a layer."""
    return "".join(
        board_log(network.program, board_of(network, sample, step.outputs[0], fault))
        for sample, fault in zip(samples, faults, strict=True)
    )


def all_right(step, inputs, right):
    return right


@pytest.mark.parametrize("mistake", LEFT_FROM_BEFORE)
def test_a_result_of_the_run_before_is_named(mistake, tmp_path):
    network, kind = LEFT_FROM_BEFORE[mistake]
    network = network()
    step, samples = step_of(network, kind), [sample_of(network), sample_of(network, seed=3)]
    before = network.observe(samples[0])[step.outputs[0]]
    text = two_runs(network, step, samples, [all_right, lambda *_: before])
    (tmp_path / "monitor.log").write_text(text)
    for sample in (samples[1], None):  # of the dump's own input, too
        result = debug.compare(network, tmp_path / "monitor.log", sample)
        assert result.first.tensor == step.outputs[0] and result.first_layer.operator == kind
        (culprit,) = result.culprits
        assert [one.name for one in culprit.explanations][:1] == ["previous_run"], result
    # Alone, nothing tells whose it is.
    (tmp_path / "monitor.log").write_text(text[text.index("@espdl begin", 1) :])
    (culprit,) = debug.compare(network, tmp_path / "monitor.log", samples[1]).culprits
    assert not culprit.explanations


@pytest.mark.parametrize("seeds", [(1, 1), (1, 2)])
def test_a_mistake_of_both_runs_is_not_left_from_before(seeds, tmp_path):
    network = residual()
    step, samples = step_of(network, "conv2d"), [sample_of(network, seed) for seed in seeds]
    text = two_runs(network, step, samples, [rounded_by(floor)] * 2)
    (tmp_path / "monitor.log").write_text(text)
    (culprit,) = debug.compare(network, tmp_path / "monitor.log", samples[1]).culprits
    assert [one.name for one in culprit.explanations] == ["other_rounding"]


@pytest.mark.parametrize(
    ("rounding", "words"),
    [
        (half_even, "ties go to the even integer"),
        (floor, "always down"),
        (truncation, "always towards zero"),
        (away, "ties go away from zero"),
    ],
)
def test_roundings_are_told_apart_where_they_differ(rounding, words):
    """The sums of many outputs have either sign and some ties."""
    network = digits()
    sample, step = sample_of(network), step_of(network, "conv2d", 1)
    board = board_of(network, sample, step.outputs[0], rounded_by(rounding))
    found = debug.compare(network, board, sample).culprits[0].explanations[0]
    assert found.name == "other_rounding" and "; or" not in found.detail
    assert found.detail.startswith(words)
    # Behind a ReLU, down and towards zero are the same, and both are named.
    step = step_of(network, "conv2d")
    board = board_of(network, sample, step.outputs[0], rounded_by(floor))
    detail = debug.compare(network, board, sample).culprits[0].explanations[0].detail
    assert "always down" in detail and "; or always towards zero" in detail


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=lambda one: one.name)
def test_every_explanation_is_shown_on_three_networks(explanation):
    assert len(models_of(explanation.name)) >= 3, models_of(explanation.name)
    assert explanation.sentence.endswith(".")
    assert explanation.remedy and not explanation.remedy.startswith("Try")


def test_explanations_are_known_by_name():
    made = {name for name, *_ in MISTAKES.values()} | {"input_overwritten", "previous_run"}
    assert made == {one.name for one in EXPLANATIONS}
    # A new file is a new explanation: none is left out of the list.
    files = {one.stem for one in Path(explanations.__file__).parent.glob("*.py")}
    assert files - {"__init__", "explanation"} == made
    assert type(Explanation()).__doc__


def noisy(rng):
    """One value that differs, by a few steps."""

    def fault(step, inputs, right):
        found = right.copy()
        at = rng.integers(found.size)
        old = int(found.ravel()[at])
        by = int(rng.choice([-1, 1]) * rng.integers(1, 5))
        fits = np.iinfo(found.dtype).min <= old + by <= np.iinfo(found.dtype).max
        found.ravel()[at] = old + by if fits else old - by
        return found

    return fault


def shuffled(rng):
    def fault(step, inputs, right):
        return rng.permutation(right.ravel())

    return fault


def random_values(rng):
    def fault(step, inputs, right):
        return rng.integers(-100, 100, right.shape).astype(right.dtype)

    return fault


def other_weights(rng):
    def fault(step, inputs, right):
        if len(step.constants) != 2:
            return shuffled(rng)(step, inputs, right)
        w, b = step.constants
        w = w.copy()
        w.ravel()[rng.integers(w.size, size=9)] ^= 21
        return step.operator.reference(HALF_UP, *inputs, w, b)

    return fault


@pytest.mark.parametrize("kind", [noisy, shuffled, random_values, other_weights])
def test_nothing_else_is_claimed(kind):
    seed = np.random.SeedSequence().entropy % 1_000_000
    rng = np.random.default_rng(seed)
    for network in (residual(), signals(), digits()):
        sample = sample_of(network)
        # What a layer of a few values gives, can be met by chance, and that is said.
        outputs = [(step, step.operator.output) for step in network.program.steps]
        steps = [step for step, y in outputs if y.dtype != "float32" and y.size >= 16]
        step = steps[rng.integers(len(steps))]
        board = board_of(network, sample, step.outputs[0], kind(rng))
        result = debug.compare(network, board, sample)
        told = f"seed {seed}, {step.outputs[0]}\n{result}"
        if result.ok:
            continue  # what differed was rounded away
        assert result.first.tensor == step.outputs[0], told
        culprit = result.culprits[0]
        assert culprit.tensor == step.outputs[0] and culprit.statistics, told
        assert not culprit.explanations, told
        assert "no known explanation fits all values" in str(result), told
