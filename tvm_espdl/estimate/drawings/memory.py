"""Bytes of the arena in use while each call runs, against its size and what the chip has."""

from __future__ import annotations

from markupsafe import Markup

from ...report.page import drawing
from ..evaluation import Figures
from ..verdict import in_bytes
from .shapes import label, line, rectangle, together

_LEFT, _WIDTH, _HEIGHT = 90.0, 860.0, 220.0


def memory_over_time(figures: Figures) -> Markup | None:
    """A column for each call; None without an arena."""
    nodes, arena = figures.nodes, figures.layout.plan.arena_bytes
    if not arena:
        return None
    limits = [(arena, "arenas")]
    if figures.machine.internal_bytes < 3 * arena:
        limits.append((figures.machine.internal_bytes, "internal memory"))
    top = max(size for size, _ in limits)
    each, shapes = _WIDTH / len(nodes), []
    for index, node in enumerate(nodes):
        height = _HEIGHT * node.live_bytes / top
        title = f"{node.tensor}: {in_bytes(node.live_bytes)}"
        corner = (_LEFT + index * each, 20 + _HEIGHT - height)
        shapes.append(rectangle(corner, (max(each - 0.5, 0.5), height), node.kernel, title=title))
    for limit, name in limits:
        y = 20 + _HEIGHT * (1 - limit / top)
        shapes.append(line((_LEFT, y), (_LEFT + _WIDTH, y), "limit"))
        shapes.append(label((_LEFT + _WIDTH, y - 4), f"{name} {in_bytes(limit)}", "end"))
    shapes += [
        line((_LEFT, 20 + _HEIGHT), (_LEFT + _WIDTH, 20 + _HEIGHT)),
        label((_LEFT - 6, 20 + _HEIGHT), "0", "end"),
        label((_LEFT - 6, 26), in_bytes(top), "end"),
        label((_LEFT, 20 + _HEIGHT + 16), "calls in the order of execution"),
    ]
    size = (int(_LEFT + _WIDTH) + 20, int(_HEIGHT) + 50)
    return drawing(*size, "memory in use over time", together(shapes))
