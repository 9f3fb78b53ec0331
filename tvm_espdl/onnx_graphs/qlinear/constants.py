"""Settles what is constant in a quantized model: scales and weights become initializers.

Must never touch QuantizeLinear and DequantizeLinear: integers stay integers. The model that a user
gave stays as it is.
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from ..constant_nodes import constants_to_initializers
from ..graph import captured_names
from ..rewriting import replace_nodes
from ..session import open_session, run_session
from .names import STANDARD, rename_inputs

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
            tensor = _computed(node, copy, [constants[name] for name in dict.fromkeys(inputs)])
            constants[tensor.name] = tensor
            copy.graph.initializer.append(tensor)
    replace_nodes(copy, kept)
    return copy


def _computed(node: NodeProto, model: ModelProto, tensors: list[TensorProto]) -> TensorProto:
    alone = ModelProto(ir_version=model.ir_version)
    alone.opset_import.extend(model.opset_import)
    alone.graph.name = "constant"
    alone.graph.node.append(node)
    alone.graph.initializer.extend(tensors)
    alone.graph.output.add(name=node.output[0])
    where = f"node {node.name or node.output[0]!r}"
    (value,) = run_session(open_session(alone, where), None, {}, where)
    return numpy_helper.from_array(value, node.output[0])
