"""Multiply-accumulates a second against those for each fetched byte, and what limits both.

Both axes are logarithmic. The slope is what memory gives, the flat line what vectors can do.
"""

from __future__ import annotations

import math

from markupsafe import Markup

from ...report.page import drawing
from ..evaluation import Figures
from ..verdict import in_milliseconds
from .shapes import circle, label, line, together

_LEFT, _TOP, _WIDTH, _HEIGHT = 70.0, 20.0, 640.0, 320.0


def roofline(figures: Figures) -> Markup | None:
    """A disc for each call with products, the larger the longer it takes; None without any."""
    nodes = [node for node in figures.nodes if node.macs and node.milliseconds]
    if not nodes:
        return None
    machine, layout = figures.machine, figures.layout
    bandwidth = 1e6 * (machine.flash_mbps if layout.weights == "flash" else machine.psram_mbps)
    lanes = max(figures.chip.vector_bytes, 1)
    peak = lanes * machine.clock_hz
    points = [
        (node, node.macs / max(node.fetched_bytes, 1.0), 1000 * node.macs / node.milliseconds)
        for node in nodes
    ]
    low_x = math.floor(math.log10(min(x for _, x, _ in points)))
    high_x = max(
        low_x + 1, math.ceil(math.log10(max(*(x for _, x, _ in points), peak / bandwidth)))
    )
    low_y = math.floor(math.log10(min(y for *_, y in points)))
    high_y = math.ceil(math.log10(peak))

    def place(x: float, y: float) -> tuple[float, float]:
        along = (math.log10(x) - low_x) / (high_x - low_x)
        up = (math.log10(y) - low_y) / max(1, high_y - low_y)
        return _LEFT + _WIDTH * along, _TOP + _HEIGHT * (1 - up)

    knee = peak / bandwidth
    first = max(10.0**low_x, 10.0**low_y / bandwidth)
    shapes = [
        line((_LEFT, _TOP), (_LEFT, _TOP + _HEIGHT)),
        line((_LEFT, _TOP + _HEIGHT), (_LEFT + _WIDTH, _TOP + _HEIGHT)),
        line(place(first, first * bandwidth), place(knee, peak), "limit"),
        line(place(knee, peak), place(10.0**high_x, peak), "limit"),
        label((_LEFT, _TOP - 6), f"products a second; at most {peak / 1e9:.3g} G"),
        label((_LEFT + _WIDTH, _TOP + _HEIGHT + 32), "products for each fetched byte", "end"),
        *_ticks(low_x, high_x, low_y, high_y),
    ]
    for node, x, y in sorted(points, key=lambda point: -point[0].share):
        title = f"{node.tensor}: {node.operator}, {in_milliseconds(node.milliseconds)}"
        shapes.append(circle(place(x, y), 3 + 14 * math.sqrt(node.share), node.kernel, title))
    size = (int(_LEFT + _WIDTH) + 20, int(_TOP + _HEIGHT) + 40)
    return drawing(*size, "what limits each call", together(shapes))


def _ticks(low_x: int, high_x: int, low_y: int, high_y: int) -> list[Markup]:
    shapes = []
    for power in range(low_x, high_x + 1):
        x = _LEFT + _WIDTH * (power - low_x) / (high_x - low_x)
        shapes.append(label((x, _TOP + _HEIGHT + 16), _power(power), "middle"))
    for power in range(low_y, high_y + 1):
        y = _TOP + _HEIGHT * (1 - (power - low_y) / max(1, high_y - low_y))
        shapes.append(label((_LEFT - 6, y + 4), _power(power), "end"))
    return shapes


def _power(power: int) -> str:
    return f"1e{power}" if abs(power) > 3 else f"{10.0**power:g}"
