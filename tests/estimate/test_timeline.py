"""The drawing of calls along the time: one behind the other, and each made of its parts."""

import re

import pytest
from networks import library

from tvm_espdl.estimate import evaluate
from tvm_espdl.estimate.drawings.timeline import _LEFT, _WIDTH, timeline

RECTANGLE = r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="[\d.]+" class="([^"]*)"'
#: What tenths of a unit are rounded to.
ROUNDED = 0.11


def test_calls_and_their_parts_fill_the_time():
    nodes = evaluate(library("digits", "esp32s3")).nodes
    shapes = re.findall(RECTANGLE, str(timeline(nodes)))
    calls = [(float(x), float(width)) for x, _, width, kind in shapes if kind.startswith("box ")]
    parts = [(float(x), float(width)) for x, y, width, _ in shapes if float(y) == 50]
    assert len(calls) == len(nodes) > 3
    total = sum(node.milliseconds for node in nodes)
    at = begin = _LEFT
    for node, (x, width) in zip(nodes, calls, strict=True):
        assert x == pytest.approx(at, abs=ROUNDED)
        assert width == pytest.approx(node.milliseconds / total * _WIDTH, abs=ROUNDED)
        at += node.milliseconds / total * _WIDTH
    each = len(parts) // len(calls)
    for number, (x, width) in enumerate(parts):
        if number % each == 0:
            begin = calls[number // each][0]
        assert x == pytest.approx(begin, abs=ROUNDED * each)
        begin = x + width
    assert at == pytest.approx(_LEFT + _WIDTH)
    assert begin == pytest.approx(_LEFT + _WIDTH, abs=ROUNDED * each)
