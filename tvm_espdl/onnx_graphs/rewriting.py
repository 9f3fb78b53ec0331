"""What all rewrites of a float network are made of: new names, constants, lists of nodes, shapes.

A rewrite takes a model, changes it in place, and returns in how many places it did so. Must never
decide about a network itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, numpy_helper

from .graph import STANDARD, Array, Graph
from .new_names import new_name

Rewrite = Callable[[ModelProto], int]


def of_each_node(change: Callable[[NodeProto, Graph], bool]) -> Rewrite:
    """Make a rewrite of what changes one node, and says whether it did.

    The nodes are met in the model's order; after each change there is a new index of the graph.
    """

    @wraps(change)
    def rewrite(model: ModelProto) -> int:
        changed, graph = 0, Graph(model)
        for node in model.graph.node:
            if change(node, graph):
                changed, graph = changed + 1, Graph(model)
        return changed

    return rewrite


def fresh_name(model: ModelProto, base: str) -> str:
    """`base`, or `base` with the first number that makes it a new tensor name in `model`."""
    graph = model.graph
    taken = {tensor.name for tensor in graph.initializer}
    taken.update(value.name for value in graph.input)
    taken.update(name for node in graph.node for name in (*node.input, *node.output))
    return new_name(base, taken)


def add_constant(model: ModelProto, base: str, value: Array) -> str:
    """Add an initializer and return the name it was given, `base` where that is free."""
    name = fresh_name(model, base)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
    return name


def name_nodes(model: ModelProto) -> None:
    """Give every node a name of its own; names that are unique already stay."""
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        node.name = new_name(node.name or f"{node.op_type}_{index}", taken)
        taken.add(node.name)


def replace_nodes(model: ModelProto, nodes: list[NodeProto]) -> int:
    """Let `nodes`, in topological order, be the nodes of `model`; returns how many fewer there are.

    Where nothing changed in number, the nodes themselves are taken to be the same ones.
    """
    fewer = len(model.graph.node) - len(nodes)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return fewer


def infer(model: ModelProto) -> None:
    """Infer the shape of every tensor of `model` anew."""
    del model.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    model.graph.CopyFrom(inferred.graph)


def set_node(
    node: NodeProto, operator: str, inputs: list[str], **attributes: float | int | list[int]
) -> None:
    """Make `node` another operator; its name and outputs stay."""
    made = onnx.helper.make_node(operator, inputs, list(node.output), name=node.name, **attributes)
    node.CopyFrom(made)


def scalar(name: str, graph: Graph) -> float | None:
    """The value of a float constant with one element, whatever its shape; None for others."""
    if not name or not graph.is_constant(name) or not graph.is_float(name):
        return None
    value = graph.constant(name)
    return float(value.reshape(())) if value.size == 1 else None


def opset_of(model: ModelProto) -> int:
    """The version of the standard operators that `model` is written in."""
    return next((e.version for e in model.opset_import if e.domain in STANDARD), 0)
