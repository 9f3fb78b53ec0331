"""Nodes that combine elements along axes: the reductions, and layer normalization."""

from __future__ import annotations

import dataclasses

from ...ops import Tensor
from ...ops.base.reduction import Reduction
from ...ops.base.rounding import Array
from ...ops.layer_norm import LayerNorm
from ...ops.reduce_l1 import ReduceL1
from ...ops.reduce_l2 import ReduceL2
from ...ops.reduce_log_sum import ReduceLogSum
from ...ops.reduce_log_sum_exp import ReduceLogSumExp
from ...ops.reduce_max import ReduceMax
from ...ops.reduce_mean import ReduceMean
from ...ops.reduce_min import ReduceMin
from ...ops.reduce_prod import ReduceProd
from ...ops.reduce_sum import ReduceSum
from ...ops.reduce_sum_square import ReduceSumSquare
from ...ops.reshape import Reshape
from ...program import Step
from ..node_view import NodeView

KINDS: dict[str, type[Reduction]] = {
    "ReduceL1": ReduceL1,
    "ReduceL2": ReduceL2,
    "ReduceLogSum": ReduceLogSum,
    "ReduceLogSumExp": ReduceLogSumExp,
    "ReduceMax": ReduceMax,
    "ReduceMean": ReduceMean,
    "ReduceMin": ReduceMin,
    "ReduceProd": ReduceProd,
    "ReduceSum": ReduceSum,
    "ReduceSumSquare": ReduceSumSquare,
}


def reduction(node: NodeView) -> list[Step]:
    """One result for all elements along some axes, which are dropped where the node says so."""
    x = node.tensor()
    rank = len(x.shape)
    axes = tuple(sorted({node.from_front(axis, rank) for axis in _axes(node)}))
    if not axes:
        axes = () if node.integer("noop_with_empty_axes", 0) else tuple(range(rank))
    if not axes:
        node.refuse("a reduction over no axis")
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))
    dropped = tuple(extent for axis, extent in enumerate(x.shape) if axis not in axes)
    keeps = node.integer("keepdims", 1) != 0
    y = node.typed(kept if keeps else dropped)
    kind = KINDS[node.node.op_type]
    if keeps:
        return [node.call(kind(x, y, axes), [node.operand(0)])]
    wide, name = dataclasses.replace(y, shape=kept), f"{node.output()}_kept"
    return [
        node.call(kind(x, wide, axes), [node.operand(0)], output=name),
        node.call(Reshape(wide, y), [name]),
    ]


def _axes(node: NodeView) -> tuple[int, ...]:
    """A constant input, or an attribute in files from before opset 18."""
    if node.has(1):
        return node.integers(1)
    attribute = node.node.attributes.get("axes")
    given = attribute.value if attribute is not None else ()
    return tuple(int(a) for a in given if isinstance(a, int)) if isinstance(given, tuple) else ()


def layer_norm(node: NodeView) -> list[Step]:
    """Scale and bias are constants."""
    x = node.tensor()
    y = node.typed(x.shape)
    axis = node.axis(-1, len(x.shape))
    parameters = [_parameter(node, place, x.shape[axis:]) for place in (1, 2)]
    types = [tensor for tensor, _ in parameters]
    constants = [array for _, array in parameters if array is not None]
    epsilon = node.real("epsilon", 1e-5)
    operator = LayerNorm(x, types[0], types[1], y, axis, epsilon)
    return [node.call(operator, [node.operand(0)], constants)]


def _parameter(
    node: NodeView, place: int, shape: tuple[int, ...]
) -> tuple[Tensor | None, Array | None]:
    if not node.has(place):
        return None, None
    array = node.array(place)
    if array.size == Tensor("int8", shape).size:
        array = array.reshape(shape)
    return Tensor(str(array.dtype), array.shape, node.exponent(node.stored(place))), array


TRANSLATORS = {**dict.fromkeys(KINDS, reduction), "LayerNormalization": layer_norm}
