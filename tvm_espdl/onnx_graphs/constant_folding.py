"""Rewrites that settle what is constant: Constant nodes and arithmetic on shapes and constants.

Must never touch a node that depends on values of a real input; changes its model in place.
"""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ..errors import ModelError
from .constant_nodes import computed
from .graph import Array, Graph, attribute
from .rewriting import fresh_name, infer, of_each_node, replace_nodes, set_node

# What random numbers are, and quantization, which is to be seen by whoever reads the network.
_KEPT = {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
    *("Bernoulli", "Multinomial"),
    *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
}

_PLAIN_TYPES = {
    *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BOOL),
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
}


def fold_constants(model: ModelProto) -> int:
    """Compute every node whose inputs are all constants, and Shape of statically known tensors.

    Tensors without elements are as good as constants.
    """
    folded = _casts_by_name(model)
    while count := _fold_once(model):
        folded += count
        infer(model)  # shapes that became known may make further nodes constant
    return folded


@of_each_node
def _casts_by_name(node: NodeProto, graph: Graph) -> bool:
    """Write CastLike as Cast where the type is known: its result depends on one input less then."""
    if node.op_type != "CastLike":
        return False
    kind = graph.type_of(node.input[1])
    if kind in _PLAIN_TYPES:
        set_node(node, "Cast", [node.input[0]], to=kind)
    return kind in _PLAIN_TYPES


def _fold_once(model: ModelProto) -> int:
    graph, folded = Graph(model), 0
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    constants.update(empty_tensors(graph))
    outputs = set(graph.outputs)
    kept = []
    for node in graph.nodes:
        values = _fold(node, graph, constants, model) if _may_fold(node, outputs) else None
        if values is None:
            kept.append(node)
            continue
        folded += 1
        for name, value in zip(node.output, values, strict=True):
            own = name
            if name in outputs:  # no constant may be an output
                own = fresh_name(model, f"{name}_value")
                kept.append(helper.make_node("Identity", [own], [name], name=node.name))
            constants[own] = numpy_helper.from_array(value, own)
            model.graph.initializer.append(constants[own])
    replace_nodes(model, kept)
    return folded


def empty_tensors(graph: Graph) -> dict[str, onnx.TensorProto]:
    """Tensors that have no elements, so that they are known: inputs, and what nodes give."""
    names = (*graph.inputs, *(name for node in graph.nodes for name in node.output if name))
    found = {}
    for name in names:
        shape, kind = graph.shape(name), graph.type_of(name)
        if shape is not None and 0 in shape and kind in _PLAIN_TYPES:
            value = np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind))
            found[name] = numpy_helper.from_array(value, name)
    return found


def _may_fold(node: NodeProto, outputs: set[str]) -> bool:
    bodies = any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute)
    given = outputs.intersection(node.output)
    whole = not given or (node.op_type != "Identity" and len(node.output) == 1)
    return node.op_type not in _KEPT and not bodies and all(node.output) and whole


def _fold(
    node: NodeProto, graph: Graph, constants: dict[str, onnx.TensorProto], model: ModelProto
) -> list[Array] | None:
    if node.op_type in ("Shape", "Size"):
        shape = graph.shape(node.input[0])
        if shape is None:
            return None
        if node.op_type == "Size":
            return [np.array(math.prod(shape), dtype=np.int64)]
        start, end = attribute(node, "start", 0), attribute(node, "end", len(shape))
        return [np.array(shape[start:end], dtype=np.int64)]
    names = [name for name in node.input if name]
    if not names or not all(name in constants for name in names):
        return None
    try:
        return computed(node, model, [constants[name] for name in dict.fromkeys(names)])
    except ModelError:
        # The node then stays as it is; opening the whole network explains what is wrong with it.
        return None
