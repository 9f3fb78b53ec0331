"""Constant nodes as initializers of the same name."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from .rewriting import replace_nodes

_SCALAR_VALUES = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
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
        tensor = onnx.TensorProto()
        tensor.CopyFrom(entry.t)
        return tensor
    if entry.name in _SCALAR_VALUES:
        value = helper.get_attribute_value(entry)
        return numpy_helper.from_array(np.asarray(value, dtype=_SCALAR_VALUES[entry.name]))
    return None  # strings and sparse tensors stay nodes
