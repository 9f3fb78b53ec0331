"""Operators that combine neighbouring elements: pools and norms.

Source: ESP-DL `dl/module/include/dl_module_{max_pool,average_pool,...}.hpp`.
"""

from __future__ import annotations

from ...ops.average_pool2d import AveragePool2d
from ...ops.base.pool import Pool
from ...ops.layer_norm import LayerNorm
from ...ops.max_pool2d import MaxPool2d
from ..draft import Setting
from ..step_view import Emitters, StepView


def pool(step: StepView) -> None:
    """A window slid over an image or a signal; a mean over all of it is a GlobalAveragePool."""
    operator: Pool = step.operator
    average = isinstance(operator, AveragePool2d)
    whole = operator.kernel == operator.image.shape[1:3] and not any(operator.pads)
    if average and whole and operator.strides == (1, 1):
        step.node("GlobalAveragePool", [step.operand(0)])
        return
    spatial = len(operator.x.shape) - 2
    top, left, bottom, right = operator.pads
    if spatial == 1 and (top, bottom) != (0, 0):
        step.refuse("a signal that is padded above or below", operator.pads)
    settings: dict[str, Setting] = {
        "ceil_mode": 0,
        "kernel_shape": operator.kernel[-spatial:],
        "pads": (left, right) if spatial == 1 else operator.pads,
        "strides": operator.strides[-spatial:],
    }
    if average:
        settings["count_include_pad"] = 1
    step.node("AveragePool" if average else "MaxPool", [step.operand(0)], settings)


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
    AveragePool2d: pool,
    LayerNorm: layer_norm,
    MaxPool2d: pool,
}
