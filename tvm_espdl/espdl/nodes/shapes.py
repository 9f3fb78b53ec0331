"""Nodes that only change the shape: Reshape, Flatten, Squeeze, Unsqueeze.

Source of the shapes: ESP-DL `dl_module_{reshape,flatten,squeeze,unsqueeze}.hpp`.
"""

from __future__ import annotations

import math

from ...ops.reshape import Reshape
from ..network import Call
from ..node_view import NodeView

Shape = tuple[int, ...]


def reshape(node: NodeView) -> list[Call]:
    """The same elements under another shape."""
    x = node.tensor()
    shape = SHAPES[node.node.op_type](node, x.shape)
    if math.prod(shape) != x.size:
        node.refuse("another number of elements", shape, f"the elements of {x.shape}")
    return [node.call(Reshape(x, node.typed(shape)), [node.operand(0)])]


def _given(node: NodeView, shape: Shape) -> Shape:
    """The constant shape: 0 stands for the input's own extent, -1 for what is left."""
    wanted = list(node.integers(1))
    if not node.integer("allowzero", 0):
        wanted = [shape[at] if extent == 0 else extent for at, extent in enumerate(wanted)]
    if wanted.count(-1) == 1:
        others = math.prod(extent for extent in wanted if extent != -1)
        wanted[wanted.index(-1)] = math.prod(shape) // others
    return tuple(wanted)


def _flattened(node: NodeView, shape: Shape) -> Shape:
    axis = node.integer("axis", 1)
    axis = axis if axis == len(shape) else node.from_front(axis, len(shape))
    return math.prod(shape[:axis]), math.prod(shape[axis:])


def _squeezed(node: NodeView, shape: Shape) -> Shape:
    """Without axes, all of extent 1 go."""
    if not node.has(1):
        return tuple(extent for extent in shape if extent != 1)
    axes = {node.from_front(axis, len(shape)) for axis in node.integers(1)}
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def _unsqueezed(node: NodeView, shape: Shape) -> Shape:
    rank = len(shape) + len(node.integers(1))
    axes = {node.from_front(axis, rank) for axis in node.integers(1)}
    extents = iter(shape)
    return tuple(1 if axis in axes else next(extents) for axis in range(rank))


SHAPES = {
    "Flatten": _flattened,
    "Reshape": _given,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
}
TRANSLATORS = dict.fromkeys(SHAPES, reshape)
