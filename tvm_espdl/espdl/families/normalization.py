"""LayerNormalization: scale and bias are constants of the shape of the normalized dimensions.

Source: ESP-DL `dl/module/include/dl_module_layer_normalization.hpp`.
"""

from __future__ import annotations

from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.layer_norm import LayerNorm
from ..draft import Setting
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers


def read(node: NodeView) -> None:
    """Scale and bias are constants."""
    x = node.tensor()
    y = node.typed(x.shape)
    axis = node.axis(-1, len(x.shape))
    parameters = [_parameter(node, place, x.shape[axis:]) for place in (1, 2)]
    types = [tensor for tensor, _ in parameters]
    constants = [array for _, array in parameters if array is not None]
    epsilon = node.real("epsilon", 1e-5)
    operator = LayerNorm(x, types[0], types[1], y, axis, epsilon)
    node.call(operator, [node.operand(0)], constants)


def _parameter(
    node: NodeView, place: int, shape: tuple[int, ...]
) -> tuple[Tensor | None, Array | None]:
    if not node.has(place):
        return None, None
    array = node.array(place)
    if array.size == Tensor("int8", shape).size:
        array = array.reshape(shape)
    return Tensor(str(array.dtype), array.shape, node.exponent(node.stored(place))), array


def write(step: StepView) -> None:
    """Scale and bias have the shape of the normalized dimensions."""
    operator: LayerNorm = step.operator
    constants = list(step.constants)
    inputs = [step.operand(0)]
    for what, tensor in (("scale", operator.scale), ("bias", operator.bias)):
        if tensor is None:
            inputs.append("")
        else:
            inputs.append(step.constant(what, constants.pop(0), None, tensor.exponent))
    while inputs[-1] == "":
        inputs.pop()
    settings: dict[str, Setting] = {"axis": operator.axis, "epsilon": float(operator.epsilon)}
    step.node("LayerNormalization", inputs, {**settings, "stash_type": 1})


READERS: Readers = {"LayerNormalization": read}
WRITERS: Writers = {LayerNorm.name: write}
