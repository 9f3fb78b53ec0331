"""QuantizeLinear, DequantizeLinear, RequantizeLinear, Clip.

The chip reads exponents, no scale or offset.
Source: ESP-DL `TensorBase::assign`, `dl/tensor/src/dl_tensor_base.cpp`.
"""

from __future__ import annotations

import numpy as np

from ...ops import Operator, Tensor
from ...ops.clip import Clip
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.requantize import Requantize
from ...ops.reshape import Reshape
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from .activation import or_table, table_setting

KINDS = {
    Dequantize.name: "DequantizeLinear",
    Quantize.name: "QuantizeLinear",
    Requantize.name: "RequantizeLinear",
}


def read(node: NodeView) -> None:
    """From one type or exponent to another; which of both is float decides the operator."""
    x = node.tensor()
    y = node.typed(x.shape)
    operator: Operator
    if x.dtype == y.dtype == "float32":
        operator = Reshape(x, y)
    elif x.dtype == "float32":
        operator = Quantize(x, y)
    elif y.dtype == "float32":
        operator = Dequantize(x, y)
    else:
        operator = Requantize(x, y)
    node.call(operator)


def write(step: StepView) -> None:
    """A node of one input; its type is that of its integers, of the result's where both are."""
    x, y = step.operator.x, step.operator.y
    integers = x if y.dtype == "float32" else y
    step.node(KINDS[step.operator.name], of=integers)


@or_table
def read_clip(node: NodeView, x: Tensor, y: Tensor) -> None:
    """Limits in the input's integers."""
    if x.dtype == "float32":
        node.leave("a clip of floats", x.dtype, "int8, int16")
    limits = [int(np.iinfo(x.dtype).min), int(np.iinfo(x.dtype).max)]
    for place in filter(node.has, (1, 2)):
        stored = node.array(place)
        if stored.size != 1 or stored.dtype.kind != "i":
            node.leave("a limit", f"{stored.dtype} {stored.shape}", "one integer")
        limits[place - 1] = int(stored.ravel()[0])
    node.call(Clip(x, y, *limits))


def write_clip(step: StepView) -> None:
    """Limits in the input's integers, and for int8 the table of both.

    A side without a limit has that of the type, which changes no integer.
    """
    operator: Clip = step.operator
    x, range_ = operator.x, np.iinfo(operator.x.dtype)
    names, settings = [], table_setting(step)
    if not settings and (operator.low > range_.max or operator.high < range_.min):
        step.refuse(
            "a limit that no integer of the type reaches",
            found=(operator.low, operator.high),
            allowed=f"{range_.min} to {range_.max}",
        )
    for what, limit in (("min", operator.low), ("max", operator.high)):
        inside = np.array([min(max(limit, range_.min), range_.max)], x.dtype)
        names.append(step.constant(what, inside, None, x.exponent))
    step.node("Clip", [step.operand(0), *names], settings)


READERS: Readers = {"Clip": read_clip, **dict.fromkeys(KINDS.values(), read)}
WRITERS: Writers = {Clip.name: write_clip, **dict.fromkeys(KINDS, write)}
