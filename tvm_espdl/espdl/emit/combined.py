"""Operators that combine all elements along some axes: reductions, and layer normalization.

Source: ESP-DL `dl/module/include/dl_module_{reduce_base,layer_normalization}.hpp`.
"""

from __future__ import annotations

from ...ops.base.operator import Operator
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
from ..draft import Setting
from ..step_view import Emitters, StepView

REDUCTIONS: dict[type[Operator], str] = {
    kind: kind.__name__
    for kind in (
        ReduceL1,
        ReduceL2,
        ReduceLogSum,
        ReduceLogSumExp,
        ReduceMax,
        ReduceMean,
        ReduceMin,
        ReduceProd,
        ReduceSum,
        ReduceSumSquare,
    )
}


def reduction(step: StepView) -> None:
    """The reduced axes stay, with extent 1."""
    if not step.operator.axes:
        step.refuse("a reduction over no axis", allowed="one axis or more")
    axes = step.indices("axes", step.operator.axes)
    kind = REDUCTIONS[type(step.operator)]
    step.node(kind, [step.operand(0), axes], {"keepdims": 1, "noop_with_empty_axes": 0})


def layer_norm(step: StepView) -> None:
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


EMITTERS: Emitters = {
    **dict.fromkeys(REDUCTIONS, reduction),
    LayerNorm: layer_norm,
}
