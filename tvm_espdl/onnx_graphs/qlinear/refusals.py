"""What is refused of the operators of quantized models, and which attributes are kept.

Must never rewrite anything.
"""

from __future__ import annotations

from enum import Enum

from onnx import NodeProto, helper

from ...errors import ModelError
from .forms import REFUSED, Form, known_operators
from .names import MICROSOFT

#: The first operator set in which DequantizeLinear knows an axis.
LOWEST_OPSET_WITH_AXIS = 13


_TRY = "quantize the float model with `tvm-espdl quantize`"


class Wrong(Enum):
    """What is wrong with a node, and what would be allowed."""

    UNKNOWN = (
        "the operator cannot be rewritten to QuantizeLinear and DequantizeLinear",
        ", ".join(known_operators()),
    )
    READS_INTEGERS = (
        "the operator computes on quantized integers directly",
        "operators that hand integers on, such as MaxPool or Reshape, all inputs of one scale",
    )
    SCALES_OF_AN_ACTIVATION = "an activation has several scales", "one scale per tensor"
    MISSING = "an operand or its scale is missing", "all inputs of the operator"
    COMPUTED = "a quantization scale is computed at run time", "a constant"
    OPERATOR_SET = (
        "weights with one scale per channel cannot be written in this operator set",
        f"operator set {LOWEST_OPSET_WITH_AXIS} or above",
    )

    def at(self, node: NodeProto, found: object = None, why: str = "") -> ModelError:
        """The error for `node`; `found` is its operator where it is not given."""
        what, allowed = self.value
        return _refusal(node, f"{what}: {why}" if why else what, found or node.op_type, allowed)


def _refusal(
    node: NodeProto, what: str, found: object, allowed: str, advice: str = _TRY
) -> ModelError:
    where = f"node {node.name or node.output[0]!r}"
    return ModelError(what, where=where, found=found, allowed=allowed, try_=advice)


def kept_attributes(node: NodeProto, form: Form, opset: int) -> dict[str, object]:
    """The attributes that the float operator has, too; refuses what it cannot do."""
    found = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    if found.get("channels_last", 0):
        raise _refusal(
            node,
            f"{node.op_type} with its channels last",
            "channels_last=1",
            "channels_last=0, as ONNX's own operators",
            "quantize the model without onnxruntime's layout optimization",
        )
    if node.op_type == "QLinearSoftmax":
        # Before operator set 13, Softmax normalizes over all axes from its axis on.
        wanted = int(found.get("opset", opset))
        axis = found.setdefault("axis", -1 if wanted >= 13 else 1)
        if (wanted < 13) != (opset < 13) and axis != -1:
            raise _refusal(
                node,
                "QLinearSoftmax of another operator set than the model's",
                f"opset={wanted}, axis={axis} in operator set {opset}",
                "both below 13, both from 13 on, or axis -1",
                "quantize the model again in its own operator set",
            )
    return {name: value for name, value in found.items() if name not in form.dropped}


def unknown(node: NodeProto) -> ModelError:
    """For an integer operator that is not in the table."""
    domain = f"{node.domain}." if node.domain == MICROSOFT else ""
    return Wrong.UNKNOWN.at(node, domain + node.op_type, REFUSED.get(node.op_type, ""))


def several_scales(name: str, count: int) -> ModelError:
    """For a scale or zero point of an activation that is not one number."""
    return ModelError(
        "an activation has several scales or zero points",
        where=f"tensor {name!r}",
        found=f"{count} values",
        allowed="one",
        try_=_TRY,
    )


def unclear_input(name: str) -> ModelError:
    """For an integer input of the network that stands for several numbers."""
    return ModelError(
        "an integer input is dequantized in several ways",
        where=f"input {name!r}",
        found="different scales or zero points",
        allowed="one scale and zero point",
        try_=_TRY,
    )


def reads_integers(node: NodeProto, name: str) -> ModelError:
    """For a float operator, or a body of one, that reads integers."""
    return _refusal(
        node,
        "the operator reads a quantized tensor otherwise than through DequantizeLinear",
        f"{node.op_type} of {name!r}",
        "float operators between DequantizeLinear and QuantizeLinear",
    )
