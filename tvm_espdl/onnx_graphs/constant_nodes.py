"""What is constant in a graph: Constant nodes as initializers, and nodes computed on their own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from .graph import Array
from .rewriting import replace_nodes
from .session import open_session, run_session

_SCALAR_VALUES = {
    **dict.fromkeys(("value_float", "value_floats"), np.float32),
    **dict.fromkeys(("value_int", "value_ints"), np.int64),
}


def constants_to_initializers(model: ModelProto) -> int:
    """Turn Constant nodes into initializers of the same name."""
    kept = []
    for node in model.graph.node:
        value = _value_of(node) if node.op_type == "Constant" else None
        if value is None:
            kept.append(node)
        else:
            value.name = node.output[0]
            model.graph.initializer.append(value)
    return replace_nodes(model, kept)


def _value_of(node: NodeProto) -> onnx.TensorProto | None:
    entry = node.attribute[0]
    if entry.name == "value":
        return onnx.TensorProto.FromString(entry.t.SerializeToString())
    if entry.name in _SCALAR_VALUES:
        value = helper.get_attribute_value(entry)
        return numpy_helper.from_array(np.asarray(value, dtype=_SCALAR_VALUES[entry.name]))
    return None  # strings and sparse tensors stay nodes


def computed(
    node: NodeProto, model: ModelProto, constants: Iterable[onnx.TensorProto]
) -> list[Array]:
    """The outputs of a node of `model` that reads `constants` only.

    Raises
    ------
    ModelError
        If onnxruntime cannot run the node.
    """
    alone = onnx.ModelProto(ir_version=model.ir_version)
    alone.opset_import.extend(model.opset_import)
    alone.graph.name = "constant"
    alone.graph.node.append(node)
    alone.graph.initializer.extend(constants)
    alone.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output)
    where = f"node {node.name or node.output[0]!r}"
    return run_session(open_session(alone, where), None, {}, where)
