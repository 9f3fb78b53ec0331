"""Rewrites that remove what does nothing: Identity, Dropout, casts to the same type, and the like.

Must never change a value or a shape; changes the model it is given in place.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto

from ..onnx_graphs.graph import STANDARD, Graph, attribute, input_of
from ..onnx_graphs.rewriting import of_each_node, set_node

_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}


def remove_no_ops(model: ModelProto) -> int:
    """Remove nodes whose output is their first input, value for value."""
    removed = 0
    while count := _remove_inside(model) or _remove_before_output(model):
        removed += count
    return removed


def _remove_inside(model: ModelProto) -> int:
    """Remove those whose output is seen by plain nodes only: these read the input instead."""
    graph = Graph(model)
    sources: dict[str, str] = {}
    gone = []
    for index, node in enumerate(graph.nodes):
        for place, name in enumerate(node.input):
            if name in sources:
                node.input[place] = sources[name]
        if node.output and node.output[0] not in graph.visible and _is_removable(index, graph):
            sources[node.output[0]] = node.input[0]
            gone.append(index)
    for index in reversed(gone):
        del model.graph.node[index]
    return len(gone)


def _remove_before_output(model: ModelProto) -> int:
    """Remove one whose output is seen from outside: the node before it takes over the name."""
    graph = Graph(model)
    for index, node in enumerate(graph.nodes):
        # The node before has to be free to do so: an input or a shared tensor keeps its name.
        maker = graph.producer(node.input[0]) if node.input else None
        free = maker is not None and graph.only_consumer(node.input[0]) == index
        if maker is not None and free and _is_removable(index, graph):
            outputs = graph.nodes[maker].output
            outputs[list(outputs).index(node.input[0])] = node.output[0]
            del model.graph.node[index]
            return 1
    return 0


def _is_removable(index: int, graph: Graph) -> bool:
    node = graph.nodes[index]
    others_read = any(graph.consumers(name) or name in graph.visible for name in node.output[1:])
    return not others_read and _does_nothing(node, graph)


def _does_nothing(node: NodeProto, graph: Graph) -> bool:
    standard = node.domain in STANDARD and len(node.input) > 0
    if standard and node.op_type in _CONDITIONS:
        return _CONDITIONS[node.op_type](node, graph)
    return standard and _keeps_shape(node, graph) and _is_neutral(node, graph)


def _moves_nothing(node: NodeProto, _: Graph) -> bool:
    perm = attribute(node, "perm", None)
    return perm is not None and list(perm) == sorted(perm)


def _is_false(name: str, graph: Graph) -> bool:
    return graph.is_constant(name) and not graph.constant(name).any()


def _keeps_shape(node: NodeProto, graph: Graph) -> bool:
    shape = graph.shape(node.input[0]) if node.input else None
    return shape is not None and shape == graph.shape(node.output[0])


def _steps_forwards(node: NodeProto, graph: Graph) -> bool:
    steps = input_of(node, 4) if node.op_type == "Slice" else ""
    return not steps or (graph.is_constant(steps) and bool((graph.constant(steps) == 1).all()))


def _is_neutral(node: NodeProto, graph: Graph) -> bool:
    if node.op_type not in _NEUTRAL or not graph.is_constant(node.input[1]):
        return False
    other = graph.constant(node.input[1])
    return bool(other.dtype == np.float32 and (other == _NEUTRAL[node.op_type]).all())


_CONDITIONS: dict[str, Callable[[NodeProto, Graph], bool]] = {
    "Identity": lambda *_: True,
    "Dropout": lambda node, graph: not input_of(node, 2) or _is_false(input_of(node, 2), graph),
    "Cast": lambda node, graph: (
        attribute(node, "to", 0) == TensorProto.FLOAT and graph.is_float(node.input[0])
    ),
    **dict.fromkeys(("Concat", "Sum", "Max", "Min", "Mean"), lambda node, _: len(node.input) == 1),
    "Transpose": _moves_nothing,
    "Pad": lambda node, graph: _is_false(input_of(node, 1), graph),
    **dict.fromkeys(
        ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Slice"),
        lambda node, graph: _keeps_shape(node, graph) and _steps_forwards(node, graph),
    ),
}


@of_each_node
def cancel_transposes(node: NodeProto, graph: Graph) -> bool:
    """Make one Transpose, or none, of two that follow each other."""
    first = graph.maker(node.input[0]) if node.op_type == "Transpose" else None
    if first is None or first.op_type != "Transpose":
        return False
    one, two = attribute(first, "perm", None), attribute(node, "perm", None)
    if one is None or two is None:
        return False
    perm = [one[axis] for axis in two]
    if perm == sorted(perm):
        set_node(node, "Identity", [first.input[0]])
        return True
    # Another reader keeps the first one alive: merging would then save nothing.
    if len(graph.consumers(node.input[0])) > 1:
        return False
    set_node(node, "Transpose", [first.input[0]], perm=perm)
    return True
