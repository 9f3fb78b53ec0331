"""Layer normalization."""

from __future__ import annotations

from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.layer_norm import LayerNorm
from ..network import Call
from ..node_view import NodeView


def layer_norm(node: NodeView) -> list[Call]:
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


TRANSLATORS = {"LayerNormalization": layer_norm}
