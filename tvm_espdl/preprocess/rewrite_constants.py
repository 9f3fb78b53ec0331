"""Rewrites that settle what is constant: Constant nodes and arithmetic on shapes and constants.

Must never touch a node that depends on values of a real input; changes its model in place.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, numpy_helper

from ..errors import ModelError
from ..onnx_graphs.constant_nodes import computed
from ..onnx_graphs.graph import Array, Graph, attribute
from ..onnx_graphs.rewriting import infer, of_each_node, replace_nodes, set_node

_RANDOM = {
    *("Bernoulli", "Multinomial"),
    *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
}


def fold_constants(model: ModelProto) -> int:
    """Compute every node whose inputs are all constants, and Shape of statically known tensors."""
    folded = _casts_to_float(model)
    while count := _fold_once(model):
        folded += count
        infer(model)  # shapes that became known may make further nodes constant
    return folded


@of_each_node
def _casts_to_float(node: NodeProto, graph: Graph) -> bool:
    """Write CastLike a float tensor as Cast: its result no longer depends on an input then."""
    casts = node.op_type == "CastLike" and graph.is_float(node.input[1])
    if casts:
        set_node(node, "Cast", [node.input[0]], to=int(onnx.TensorProto.FLOAT))
    return casts


def _fold_once(model: ModelProto) -> int:
    graph = Graph(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    kept = []
    for node in graph.nodes:
        values = _fold(node, graph, constants, model) if _may_fold(node, graph) else None
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=True):
            constants[name] = numpy_helper.from_array(value, name)
            model.graph.initializer.append(constants[name])
    return replace_nodes(model, kept)


def _may_fold(node: NodeProto, graph: Graph) -> bool:
    bodies = any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in node.attribute)
    return (
        node.op_type not in _RANDOM
        and not bodies
        and all(node.output)
        and not graph.visible.intersection(node.output)
    )


def _fold(
    node: NodeProto, graph: Graph, constants: dict[str, onnx.TensorProto], model: ModelProto
) -> list[Array] | None:
    if node.op_type == "Shape":
        shape = graph.shape(node.input[0])
        if shape is None:
            return None
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
