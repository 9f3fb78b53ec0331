"""Transpose, and nodes that change the shape at most: Reshape, Flatten, Squeeze, Identity, ...

Source of the shapes: ESP-DL `dl_module_{reshape,flatten,squeeze,unsqueeze}.hpp`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers, plain
from ..types import Shape


def read_reshape(node: NodeView) -> None:
    """The same elements under another shape."""
    x = node.tensor()
    shape = SHAPES[node.node.op_type](node, x.shape)
    if math.prod(shape) != x.size:
        node.refuse("another number of elements", shape, f"the elements of {x.shape}")
    node.call(Reshape(x, node.typed(shape)))


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
    ones = [axis for axis, extent in enumerate(shape) if extent == 1]
    given = node.integers(1) if node.has(1) else ones
    axes = {node.from_front(axis, len(shape)) for axis in given}
    return tuple(extent for axis, extent in enumerate(shape) if axis not in axes)


def _unsqueezed(node: NodeView, shape: Shape) -> Shape:
    rank = len(shape) + len(node.integers(1))
    axes = {node.from_front(axis, rank) for axis in node.integers(1)}
    extents = iter(shape)
    return tuple(1 if axis in axes else next(extents) for axis in range(rank))


SHAPES: Mapping[str, Callable[[NodeView, Shape], Shape]] = {
    "Flatten": _flattened,
    "Identity": lambda _, shape: shape,
    "Reshape": _given,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
}


def write_reshape(step: StepView) -> None:
    """The new shape is a constant; an equal one is an Identity."""
    operator: Reshape = step.operator
    if operator.x.shape == operator.y.shape:
        step.node("Identity")
        return
    shape = step.indices("shape", operator.y.shape)
    step.node("Reshape", [step.operand(0), shape], {"allowzero": 0})


def read_transpose(node: NodeView) -> None:
    """Old exporters count axes from the end."""
    x = node.tensor()
    rank = len(x.shape)
    given = node.given("perm")
    axes = tuple(node.from_front(a, rank) for a in given) if given else tuple(range(rank))[::-1]
    if sorted(axes) != list(range(rank)):
        node.refuse("no permutation of the axes", given, f"{rank} axes")
    y = node.typed([x.shape[axis] for axis in axes])
    node.call(Transpose(x, y, axes))


READERS: Readers = {**dict.fromkeys(SHAPES, read_reshape), "Transpose": read_transpose}
WRITERS: Writers = {Reshape.name: write_reshape, Transpose.name: plain("Transpose", perm="axes")}
