"""What is refused of the operators of quantized models, and which attributes are kept.

Must never rewrite anything.
"""

from __future__ import annotations

from onnx import NodeProto, helper

from ...errors import ModelError
from .forms import REFUSED, Form, known_operators
from .names import MICROSOFT

#: The first operator set in which DequantizeLinear knows an axis.
LOWEST_OPSET_WITH_AXIS = 13


def kept_attributes(node: NodeProto, form: Form, opset: int) -> dict[str, object]:
    """The attributes that the float operator has, too; refuses what it cannot do."""
    found = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    if found.get("channels_last", 0):
        raise ModelError(
            f"{node.op_type} with its channels last",
            where=f"node {node.name or node.output[0]!r}",
            found="channels_last=1",
            allowed="channels_last=0, as ONNX's own operators",
            try_="quantize the model without onnxruntime's layout optimization",
        )
    if node.op_type == "QLinearSoftmax":
        # Before operator set 13, Softmax normalizes over all axes from its axis on.
        wanted = int(found.get("opset", opset))
        axis = found.setdefault("axis", -1 if wanted >= 13 else 1)
        if (wanted < 13) != (opset < 13) and axis != -1:
            raise ModelError(
                "QLinearSoftmax of another operator set than the model's",
                where=f"node {node.name or node.output[0]!r}",
                found=f"opset={wanted}, axis={axis} in operator set {opset}",
                allowed="both below 13, both from 13 on, or axis -1",
                try_="quantize the model again in its own operator set",
            )
    return {name: value for name, value in found.items() if name not in form.dropped}


def _refusal(node: NodeProto, what: str, allowed: str, found: object = None) -> ModelError:
    return ModelError(
        what,
        where=f"node {node.name or node.output[0]!r}",
        found=node.op_type if found is None else found,
        allowed=allowed,
        try_="quantize the float model with `tvm-espdl quantize`",
    )


def unknown(node: NodeProto) -> ModelError:
    """For an integer operator that is not in the table."""
    reason = REFUSED.get(node.op_type)
    what = "the operator cannot be rewritten to QuantizeLinear and DequantizeLinear"
    domain = f"{node.domain}." if node.domain == MICROSOFT else ""
    return _refusal(
        node,
        f"{what}: {reason}" if reason else what,
        ", ".join(known_operators()),
        domain + node.op_type,
    )


def not_ours(node: NodeProto) -> ModelError:
    """For an operator of ONNX's own that computes on quantized integers."""
    return _refusal(
        node,
        "the operator computes on quantized integers directly",
        "operators that hand integers on, such as MaxPool or Reshape, all inputs of one scale",
    )


def per_channel(node: NodeProto, scale: str) -> ModelError:
    """For an operand other than constant weights with several scales."""
    return _refusal(
        node, "an activation has several scales", "one scale per tensor", f"scale {scale!r}"
    )


def missing(node: NodeProto) -> ModelError:
    """For a node that lacks an operand or its scale."""
    return _refusal(
        node, "an operand or its scale is missing", "all inputs of the operator", list(node.input)
    )


def computed(node: NodeProto) -> ModelError:
    """For a scale that is no constant."""
    return _refusal(node, "a quantization scale is computed at run time", "a constant")


def too_old(node: NodeProto, opset: int) -> ModelError:
    """For scales per channel in an operator set that does not know them."""
    return _refusal(
        node,
        "weights with one scale per channel cannot be written in this operator set",
        f"operator set {LOWEST_OPSET_WITH_AXIS} or above",
        f"operator set {opset}",
    )


def several_scales(name: str, count: int) -> ModelError:
    """For a scale or zero point of an activation that is not one number."""
    return ModelError(
        "an activation has several scales or zero points",
        where=f"tensor {name!r}",
        found=f"{count} values",
        allowed="one",
        try_="quantize the float model with `tvm-espdl quantize`",
    )


def unclear_input(name: str) -> ModelError:
    """For an integer input of the network that stands for several numbers."""
    return ModelError(
        "an integer input is dequantized in several ways",
        where=f"input {name!r}",
        found="different scales or zero points",
        allowed="one scale and zero point",
        try_="quantize the float model with `tvm-espdl quantize`",
    )


def reads_integers(node: NodeProto, name: str) -> ModelError:
    """For a float operator, or a body of one, that reads integers."""
    return ModelError(
        "the operator reads a quantized tensor otherwise than through DequantizeLinear",
        where=f"node {node.name or node.output[0]!r}",
        found=f"{node.op_type} of {name!r}",
        allowed="float operators between DequantizeLinear and QuantizeLinear",
        try_="quantize the float model with `tvm-espdl quantize`",
    )
