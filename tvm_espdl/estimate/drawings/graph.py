"""The network as a graph: a box for each call, coloured by its kernel, darker the longer it takes.

A call stands below those whose results it reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ...report.page import drawing
from ...report.text import shorten
from ..evaluation import NodeEstimate
from ..verdict import in_milliseconds
from .shapes import label, line, rectangle, together

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 190, 26, 16, 14
_LEAST_OPACITY = 0.12


def network_graph(nodes: Sequence[NodeEstimate]) -> Markup:
    """The drawing of all calls."""
    depths = _depths(nodes)
    columns: dict[int, int] = {}
    corners = []
    for depth in depths:
        column = columns.get(depth, 0)
        columns[depth] = column + 1
        corners.append((10 + column * (_WIDTH + _GAP_X), 10 + depth * (_HEIGHT + _GAP_Y)))
    makers = {name: index for index, node in enumerate(nodes) for name in node.writes}
    most = max((node.share for node in nodes), default=1.0) or 1.0
    edges = [
        line(
            (corners[makers[name]][0] + _WIDTH / 2, corners[makers[name]][1] + _HEIGHT),
            (corners[index][0] + _WIDTH / 2, corners[index][1]),
            "edge",
        )
        for index, node in enumerate(nodes)
        for name in node.reads
        if name in makers
    ]
    boxes = [_box(node, corner, most) for node, corner in zip(nodes, corners, strict=True)]
    width = 20 + max(columns.values(), default=1) * (_WIDTH + _GAP_X)
    height = 20 + (max(depths, default=0) + 1) * (_HEIGHT + _GAP_Y)
    return drawing(
        width, height, "the network's calls and who reads whom", together([*edges, *boxes])
    )


def _depths(nodes: Sequence[NodeEstimate]) -> list[int]:
    """How many calls stand above each, at least."""
    found: dict[str, int] = {}
    depths = []
    for node in nodes:
        depth = max((found[name] + 1 for name in node.reads if name in found), default=0)
        found |= dict.fromkeys(node.writes, depth)
        depths.append(depth)
    return depths


def _box(node: NodeEstimate, corner: tuple[float, float], most: float) -> Markup:
    opacity = _LEAST_OPACITY + (1 - _LEAST_OPACITY) * node.share / most
    shape = "x".join(map(str, node.shape))
    title = (
        f"{node.tensor}: {node.operator} ({node.kernel}), {shape} {node.dtype}, {node.share:.1%}"
    )
    text = f"{shorten(node.operator, 17)} {in_milliseconds(node.milliseconds)}"
    return rectangle(
        corner, (_WIDTH, _HEIGHT), f"box {node.kernel}", title=title, opacity=opacity
    ) + label((corner[0] + 6, corner[1] + 17), text)
