"""Softmax and normalizations along an axis; their scale and bias are constants.

Source: ESP-DL `dl/module/include/dl_module_<name>.hpp`.
"""

from __future__ import annotations

import math
from typing import Any

from ...ops import Tensor
from ...ops.layer_norm import LayerNorm
from ...ops.log_softmax import LogSoftmax
from ...ops.lp_norm import LpNorm
from ...ops.quantize import Quantize
from ...ops.rms_norm import RmsNorm
from ...ops.softmax import Softmax
from ..draft import Setting
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers, plain
from ..types import FloatCall

KINDS = {"LogSoftmax": LogSoftmax, "Softmax": Softmax}


def read_softmax(node: NodeView) -> None:
    """Integers in, floats out; floats in are left to the C library."""
    x, kind = node.tensor(), KINDS[node.node.op_type]
    y, axis = node.typed(x.shape), node.axis(-1, len(x.shape))
    real, name = Tensor("float32", x.shape), None
    if y.dtype in ("int8", "int16"):
        if not node.apart:
            node.refuse("a softmax has a float result", y.dtype, "float32")
        node.warn(
            f"A softmax of ESP-DL has a float result. Found: {y.dtype}. Here a step quantizes it."
        )
        name = f"{node.output()}_real"
    is_float = x.dtype == "float32"
    operator = FloatCall(f"nn.{kind.name}", (x,), real, axis) if is_float else kind(x, real, axis)
    node.call(operator, output=name)
    if name is not None:
        node.call(Quantize(real, y), [name])


def read_lp_norm(node: NodeView) -> None:
    """Any p but 1 is 2 to the chip."""
    x = node.tensor()
    axis, y = node.axis(-1, len(x.shape)), node.typed(x.shape)
    node.call(LpNorm(x, y, axis, 1 if node.integer("p", 2) == 1 else 2))


def read_rms_norm(node: NodeView) -> None:
    """Data and the factors of a vector, which are floats."""
    x, factors = node.tensor(), node.array(1)
    axis, epsilon = node.axis(-1, len(x.shape)), node.real("epsilon", 1e-5)
    y = node.typed(x.shape)
    node.call(RmsNorm(x, y, node.type_of(factors), axis, epsilon), constants=[factors])


def read_layer_norm(node: NodeView) -> None:
    """Scale and bias, under the normalized dimensions whatever their own are."""
    x = node.tensor()
    y, axis = node.typed(x.shape), node.axis(-1, len(x.shape))
    fields: dict[str, Any] = {"scale": None, "bias": None}
    constants = []
    for place, what in enumerate(fields, 1):
        if node.has(place):
            array = node.array(place)
            whole = x.shape[axis:]
            array = array.reshape(whole) if array.size == math.prod(whole) else array
            fields[what] = node.type_of(array, place)
            constants.append(array)
    epsilon = node.real("epsilon", 1e-5)
    node.call(LayerNorm(x=x, y=y, axis=axis, epsilon=epsilon, **fields), constants=constants)


def write(step: StepView) -> None:
    """RMSNormalization and LayerNormalization; parameters that are absent at the end go."""
    operator, constants = step.operator, iter(step.constants)
    is_rms = isinstance(operator, RmsNorm)
    inputs = [step.operand(0)]
    for what in ("scale",) if is_rms else ("scale", "bias"):
        tensor: Tensor | None = getattr(operator, what)
        name = ""
        if tensor is not None:
            name = step.constant(what, next(constants), None, tensor.exponent, shared=is_rms)
        inputs.append(name)
    while not inputs[-1]:
        inputs.pop()
    settings: dict[str, Setting] = {"axis": operator.axis, "epsilon": float(operator.epsilon)}
    kind = "RMSNormalization" if is_rms else "LayerNormalization"
    step.node(kind, inputs, settings if is_rms else {**settings, "stash_type": 1})


READERS: Readers = {
    "LayerNormalization": read_layer_norm,
    "LpNormalization": read_lp_norm,
    "RMSNormalization": read_rms_norm,
    **dict.fromkeys(KINDS, read_softmax),
}
WRITERS: Writers = {
    **dict.fromkeys((LayerNorm.name, RmsNorm.name), write),
    LpNorm.name: plain("LpNormalization", axis="axis", p="p"),
    **{record.name: plain(kind, axis="axis") for kind, record in KINDS.items()},
}
