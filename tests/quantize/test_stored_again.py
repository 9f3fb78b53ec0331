"""Weights of several layers: stored once, unless exponents, rounding or layouts differ."""

import re

import pytest
from qdq_networks import floats, network, node

from tvm_espdl.compilation import compile_file
from tvm_espdl.estimate import evaluate
from tvm_espdl.quantize import quantize_onnx

QUICK = {"recover": (), "measure": False}
SHAPE = (1, 32, 8, 8)


def two_layers():
    nodes = [
        node("Conv", "x w", "a", name="first", pads=[1] * 4),
        node("Conv", "a w", "b", name="second", pads=[1] * 4),
        node("Relu", "b", "y"),
    ]
    return network(nodes, {"x": SHAPE}, {"y": SHAPE}, {"w": floats(32, 32, 3, 3, scale=0.05)})


def flash(result):
    return evaluate(compile_file(result.model)).figures


@pytest.mark.parametrize(("int16", "copies"), [((), 1), ("second", 2), ("*", 1)])
def test_exponents_and_widths(int16, copies):
    result = quantize_onnx(two_layers(), floats(16, *SHAPE[1:]), int16=int16, **QUICK)
    told = [note for note in result.report.notes if note.startswith("w: stored")]
    assert len(told) == copies - 1
    one, two = 32 * 32 * 9, 2 * 32 * 32 * 9  # in int8, in int16
    expected = {1: two if int16 else one, 2: one + two}[copies]
    assert expected <= flash(result).flash_bytes < expected + 256
    if told:
        assert told == [
            f"w: stored 2 times ({one:,} bytes more), for first, second differ in exponents"
        ]


def test_layouts():
    """Filters of one input channel each, of a convolution and of a depthwise one."""
    nodes = [
        node("Conv", "x w", "a", pads=[1] * 4),
        node("Conv", "a w", "b", group=64, pads=[1] * 4),
        node("Relu", "b", "y"),
    ]
    model = network(nodes, {"x": (1, 1, 8, 8)}, {"y": (1, 64, 8, 8)},
                    {"w": floats(64, 1, 3, 3, scale=0.05)})  # fmt: skip
    result = quantize_onnx(model, floats(16, 1, 8, 8), **QUICK)
    assert not [note for note in result.report.notes if "stored" in note]
    figures = flash(result)
    assert figures.layout.laid_out_again >= 64 * 9
    text = str(evaluate(figures.program))
    assert re.search(r"of the constants .* are weights of several layers, laid out anew", text)
    assert flash(quantize_onnx(two_layers(), floats(16, *SHAPE[1:]), **QUICK)
                 ).layout.laid_out_again == 0  # fmt: skip
