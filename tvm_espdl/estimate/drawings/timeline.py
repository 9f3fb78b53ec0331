"""The calls along the time of one inference: by their kernels, and by what the time goes to."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ...report.page import drawing
from ..evaluation import NodeEstimate
from ..verdict import in_milliseconds
from .shapes import label, line, rectangle, together

_WIDTH, _LEFT, _BAND = 900.0, 110.0, 30.0
_TICKS = 5
PARTS = ("instructions", "constants", "tensors", "inner cache", "call")


def timeline(nodes: Sequence[NodeEstimate]) -> Markup:
    """Two bands over one axis."""
    total = sum(node.milliseconds for node in nodes) or 1.0
    scale, shapes, at = _WIDTH / total, [], 0.0
    for node in nodes:
        width = node.milliseconds * scale
        title = f"{node.tensor}: {node.operator}, {in_milliseconds(node.milliseconds)}"
        shapes.append(
            rectangle((_LEFT + at, 10), (width, _BAND), f"box {node.kernel}", title=title)
        )
        begin = at
        for part in PARTS:
            taken = node.parts.get(part, 0.0) * scale
            kind = part.partition(" ")[0]
            shapes.append(
                rectangle((_LEFT + begin, 50), (taken, _BAND), kind, title=f"{title}: {part}")
            )
            begin += taken
        at += width
    shapes += [label((0, 30), "kernel"), label((0, 70), "goes to")]
    for tick in range(_TICKS + 1):
        x = _LEFT + _WIDTH * tick / _TICKS
        shapes.append(line((x, 84), (x, 90)))
        shapes.append(label((x, 102), in_milliseconds(total * tick / _TICKS), "middle"))
    shapes += _legend()
    width, height = int(_LEFT + _WIDTH) + 50, 140
    return drawing(width, height, "calls along the time of one inference", together(shapes))


def _legend() -> list[Markup]:
    shapes, x = [], _LEFT
    for name in ("esp-dl", "portable", "tvm", *PARTS):
        shapes.append(rectangle((x, 116), (12, 12), name.partition(" ")[0], title=name))
        shapes.append(label((x + 16, 126), name))
        x += 30 + 7 * len(name)
    return shapes
