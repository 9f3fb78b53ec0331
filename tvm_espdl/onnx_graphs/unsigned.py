"""Quantization to uint8 at zero point 128, written as what it is: int8 at zero point 0.

`round(x / s) + 128` between 0 and 255 is `round(x / s)` between -128 and 127, moved. Tensors that
something else than quantization reads or makes stay. Must never change another zero point.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto

from .graph import Graph, attribute, input_of
from .rewriting import add_constant

_HALF = 128
_QUANTIZE, _DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"


def unsigned_to_signed(model: ModelProto) -> ModelProto:
    """Return `model` with int8 in place of uint8 at zero point 128; itself where there is none."""
    graph = Graph(model)
    tensors = [name for name in _quantized(graph) if _may_change(name, graph)]
    if not tensors:
        return model
    signed = onnx.ModelProto()
    signed.CopyFrom(model)
    del signed.graph.value_info[:]
    zeros: dict[tuple[int, ...], str] = {}
    moved: dict[str, str] = {}
    for name in tensors:
        if graph.is_constant(name):
            values = graph.constant(name).astype(np.int16) - _HALF
            moved[name] = add_constant(signed, f"{name}_int8", values.astype(np.int8))
    changed = set(tensors)
    for node in signed.graph.node:
        if not _converts(node) or not changed & {node.input[0], node.output[0]}:
            continue
        shape = graph.shape(node.input[2]) or ()
        if shape not in zeros:
            zeros[shape] = add_constant(signed, "zero_int8", np.zeros(shape, np.int8))
        node.input[2] = zeros[shape]
        if node.op_type == _DEQUANTIZE:
            node.input[0] = moved.get(node.input[0], node.input[0])
    return onnx.shape_inference.infer_shapes(signed, data_prop=True)


def _converts(node: NodeProto) -> bool:
    return node.op_type in (_QUANTIZE, _DEQUANTIZE)


def _quantized(graph: Graph) -> list[str]:
    """Tensors that are dequantized, each once."""
    found = {node.input[0]: None for node in graph.nodes if node.op_type == _DEQUANTIZE}
    return list(found)


def _may_change(name: str, graph: Graph) -> bool:
    """Whether all that makes and reads a tensor quantizes it to uint8 around 128."""
    maker = graph.maker(name)
    users = [graph.nodes[index] for index in graph.consumers(name)]
    if name in graph.visible or (maker is None and not graph.is_constant(name)):
        return False
    if maker is not None:
        if maker.op_type != _QUANTIZE or attribute(maker, "output_dtype", 0):
            return False
        users.append(maker)
    return all(_converts(node) and _around_128(node, graph) for node in users)


def _around_128(node: NodeProto, graph: Graph) -> bool:
    zero = input_of(node, 2)
    return (
        graph.is_constant(zero)
        and graph.type_of(zero) == TensorProto.UINT8
        and bool((graph.constant(zero) == _HALF).all())
    )
