"""Networks in float16 and bfloat16 written in float32, which holds every one of their numbers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, numpy_helper

_HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def halves_to_float(model: ModelProto) -> ModelProto:
    """Return `model` with float32 in place of halves, inputs and outputs included.

    It is `model` itself where it has none. Results are those of halves but for their rounding.
    """
    if not _has_halves(model.graph):
        return model
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    half_to_float(wide)
    return wide


def half_to_float(model: ModelProto) -> int:
    """Write float32 in place of halves, in place; returns how many tensors and types there were."""
    if not _has_halves(model.graph):
        return 0
    del model.graph.value_info[:]
    return _widen(model.graph)


def _has_halves(graph: GraphProto) -> bool:
    values = (*graph.input, *graph.output)
    return (
        any(value.type.tensor_type.elem_type in _HALVES for value in values)
        or any(tensor.data_type in _HALVES for tensor in graph.initializer)
        or any(
            (entry.name == "to" and entry.i in _HALVES)
            or (entry.type == AttributeProto.TENSOR and entry.t.data_type in _HALVES)
            or (entry.type == AttributeProto.GRAPH and _has_halves(entry.g))
            for node in graph.node
            for entry in node.attribute
        )
    )


def _widen(graph: GraphProto) -> int:
    widened = 0
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in _HALVES:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
            widened += 1
    widened += sum(map(_widen_tensor, graph.initializer))
    for node in graph.node:
        for entry in node.attribute:
            if entry.name in ("to", "dtype", "stash_type") and entry.i in _HALVES:
                entry.i = TensorProto.FLOAT
                widened += 1
            elif entry.type == AttributeProto.TENSOR:
                widened += _widen_tensor(entry.t)
            elif entry.type == AttributeProto.GRAPH:
                widened += _widen(entry.g)
    return widened


def _widen_tensor(tensor: TensorProto) -> bool:
    if tensor.data_type not in _HALVES:
        return False
    array = numpy_helper.to_array(tensor)
    if array.dtype.kind in "iu":  # onnx before 1.19 gives the bits of bfloat16
        array = (array.astype(np.uint32) << 16).view(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32), tensor.name))
    return True
