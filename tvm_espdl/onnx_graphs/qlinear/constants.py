"""Settles what is constant in a quantized model: scales and weights become initializers.

Must never touch QuantizeLinear and DequantizeLinear: integers stay integers. The model that a user
gave stays as it is.
"""

from __future__ import annotations

from onnx import ModelProto, numpy_helper

from ..constant_nodes import computed, constants_to_initializers
from ..graph import STANDARD, captured_names
from ..rewriting import replace_nodes
from .names import rename_inputs

# Exporters write weights turned or reshaped, and hand shared scales on through Identity.
_FOLDED = ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Slice")


def settled_copy(model: ModelProto) -> ModelProto:
    """Return a copy of `model` whose constants are initializers, moved ones included."""
    copy = ModelProto()
    copy.CopyFrom(model)
    constants_to_initializers(copy)
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    fixed = {value.name for value in copy.graph.output}
    fixed.update(name for node in copy.graph.node for name in captured_names(node))
    same: dict[str, str] = {}
    kept = []
    for node in copy.graph.node:
        rename_inputs(node, same)
        inputs = [name for name in node.input if name]
        folds = node.op_type in _FOLDED and node.domain in STANDARD
        if not folds or node.output[0] in fixed or not all(name in constants for name in inputs):
            kept.append(node)
        elif node.op_type == "Identity":
            same[node.output[0]] = inputs[0]
        else:
            (value,) = computed(node, copy, [constants[name] for name in dict.fromkeys(inputs)])
            constants[node.output[0]] = numpy_helper.from_array(value, node.output[0])
            copy.graph.initializer.append(constants[node.output[0]])
    replace_nodes(copy, kept)
    return copy
