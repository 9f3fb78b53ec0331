"""How much is measured by default: by the size of the network, never by a clock."""

import pytest
from qdq_networks import floats, network, node

from tvm_espdl.errors import EspdlError
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.report import effort
from tvm_espdl.quantize.report.effort import Effort, effort_of, spread


def image_network(size):
    """One convolution of 3 x 3, 16 channels to 16."""
    nodes = [node("Conv", "x w", "y", pads=[1, 1, 1, 1])]
    shape = (1, 16, size, size)
    return network(nodes, {"x": shape}, {"y": shape}, {"w": floats(16, 16, 3, 3)})


def test_small_networks_are_measured_whole_and_large_ones_less():
    plans = [make_plan(Graph(image_network(size))) for size in (32, 256, 1024, 4096)]
    found = [effort_of(plan, 64, 5, True) for plan in plans]
    assert found[0] == Effort(64, 16, True)
    assert found[-1] == Effort(1, 1, False)
    amounts = [(one.outputs * (5 if one.steps else 1), one.layers) for one in found]
    assert amounts == sorted(amounts, reverse=True)
    assert all(effort_of(plan, 64, 5, "all") == Effort(64, 16, True) for plan in plans)
    for plan, one in zip(plans, found, strict=True):
        assert effort_of(plan, 3, 5, True).outputs == min(3, one.outputs)


def test_samples_are_evenly_spaced():
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread(range(3), 4) == [0, 1, 2]


def test_the_report_says_what_was_left_out(monkeypatch):
    model, samples = image_network(6), floats(64, 16, 6, 6)
    whole = quantize_onnx(model, samples)
    assert not any("about a minute" in note for note in whole.report.notes)
    monkeypatch.setattr(effort, "OUTPUTS", 2e-4)
    monkeypatch.setattr(effort, "LAYERS", 5e-4)
    part = quantize_onnx(model, samples)
    assert part.model == whole.model
    assert 1 <= part.report.accuracy.samples < 16
    assert [step.accuracy for step in part.report.steps] == [None] * 5
    assert [step.judged for step in part.report.steps] == [
        step.judged for step in whole.report.steps
    ]
    (note,) = (note for note in part.report.notes if "about a minute" in note)
    assert f"the outputs on {part.report.accuracy.samples} of 16 samples" in note
    assert "single layers on" in note and "steps of recovery not at all" in note
    assert "chip" not in str(part.report).split("recovery of accuracy")[1].splitlines()[1]
    everything = quantize_onnx(model, samples, measure="all")
    assert everything.report == whole.report


def test_measure_is_true_false_or_all():
    with pytest.raises(EspdlError, match="unknown extent of measuring"):
        quantize_onnx(image_network(6), floats(8, 16, 6, 6), measure="some")
