"""Rewrites that settle what is constant: Constant nodes, shape arithmetic, what nothing reads.

Must never touch a node that depends on a real input; changes the model it is given in place.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, helper, numpy_helper

from ..errors import ModelError
from .graph import Array, Graph, captured_names
from .session import open_session, run_session

_RANDOM = {
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
}
_SCALAR_VALUES = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def fresh_name(model: ModelProto, base: str) -> str:
    """`base`, or `base` with the first number that makes it a new tensor name in `model`."""
    graph = model.graph
    taken = {tensor.name for tensor in graph.initializer}
    taken.update(value.name for value in graph.input)
    taken.update(name for node in graph.node for name in (*node.input, *node.output))
    name, number = base, 0
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def add_constant(model: ModelProto, base: str, value: Array) -> str:
    """Add an initializer and return the name it was given, `base` where that is free."""
    name = fresh_name(model, base)
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name


def name_nodes(model: ModelProto) -> None:
    """Give every node a name of its own; names that are unique already stay."""
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        base = node.name or f"{node.op_type}_{index}"
        name, number = base, 0
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        node.name = name
        taken.add(name)


def constants_to_initializers(model: ModelProto) -> None:
    """Turn Constant nodes into initializers of the same name."""
    kept = []
    for node in model.graph.node:
        value = _value_of(node) if node.op_type == "Constant" else None
        if value is None:
            kept.append(node)
        else:
            value.name = node.output[0]
            model.graph.initializer.append(value)
    replace_nodes(model, kept)


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


def fold_constants(model: ModelProto) -> None:
    """Compute every node whose inputs are all constants, and Shape of statically known tensors."""
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
    replace_nodes(model, kept)


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
        start = next((a.i for a in node.attribute if a.name == "start"), 0)
        end = next((a.i for a in node.attribute if a.name == "end"), len(shape))
        return [np.array(shape[start:end], dtype=np.int64)]
    names = [name for name in node.input if name]
    if not names or not all(name in constants for name in names):
        return None
    alone = onnx.ModelProto(ir_version=model.ir_version)
    alone.opset_import.extend(model.opset_import)
    alone.graph.name = "constant"
    alone.graph.node.append(node)
    alone.graph.initializer.extend(constants[name] for name in dict.fromkeys(names))
    alone.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output)
    where = f"node {node.name!r}"
    try:
        return run_session(open_session(alone, where), None, {}, where)
    except ModelError:
        # The node then stays as it is; opening the whole network explains what is wrong with it.
        return None


def remove_unused(model: ModelProto) -> None:
    """Drop nodes and initializers that no output depends on."""
    needed = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(name for name in node.input if name)
            needed.update(captured_names(node))
    replace_nodes(model, list(reversed(kept)))
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    real_inputs = [
        value
        for value in model.graph.input
        if value.name not in {tensor.name for tensor in model.graph.initializer}
    ]
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    del model.graph.input[:]
    model.graph.input.extend(real_inputs)


def replace_nodes(model: ModelProto, nodes: list[NodeProto]) -> None:
    """Let `nodes`, in topological order, be the nodes of `model`."""
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
