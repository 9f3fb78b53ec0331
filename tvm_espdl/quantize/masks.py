"""Writes masks before a Softmax as sums with large finite numbers, which integers can hold.

A mask takes values out of a Softmax: infinity, or a number so large that its exponential is 0, is
added to them or put in their place. Only sums saturate as they should in integers, and only finite
numbers can be measured. Must never change what a Softmax makes of a row that is not masked as a
whole, nor touch a tensor that anything else reads.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, NodeProto, helper

from ..onnx_graphs.graph import Array, Graph, input_of
from ..onnx_graphs.new_names import NewNames
from ..onnx_graphs.rewriting import add_constant, infer, replace_nodes

#: What masks are cut off at: it leaves scores of a thousandth of it some digits in float32.
LARGEST = 2.0**16

#: From here on down a number that is put in the place of scores is a mask, and not a score.
LEAST = -1000.0

_MOVES = ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Expand", "Identity", "Tile")

#: Places of the inputs that go into the result, by the type of the node.
_PATH: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*_MOVES, "Slice", "Gather", "Split", "Clip", "Div"), (0,)),
    **dict.fromkeys(("Add", "Sub", "Mul", "Max", "Min"), (0, 1)),
    "Where": (1, 2),
}


def additive_masks(model: ModelProto) -> ModelProto:
    """The model with masks that are sums with numbers of at most `LARGEST`; it is left as it is.

    A Where that puts a mask in the place of scores becomes the sum with one of a mask and zeros.
    """
    graph = Graph(model)
    leading = _leading_to_softmax(graph)
    finite = {
        (index, place)
        for index in leading
        for place in _PATH[graph.nodes[index].op_type]
        if _exceeds(input_of(graph.nodes[index], place), graph)
    }
    chosen = {
        index: place
        for index in leading
        if graph.nodes[index].op_type == "Where"
        for place in (1, 2)
        if _is_mask(graph.nodes[index].input[place], graph)
        and not graph.is_constant(graph.nodes[index].input[3 - place])
    }
    if not finite and not chosen:
        return model
    changed = copy.deepcopy(model)
    for index, place in sorted(finite):
        node = changed.graph.node[index]
        value = _within(graph.constant(node.input[place]))
        node.input[place] = add_constant(changed, f"{node.input[place]}_finite", value)
    _write_sums(changed, chosen, graph)
    infer(changed)
    return changed


def _write_sums(model: ModelProto, chosen: Mapping[int, int], graph: Graph) -> None:
    """Write each Where of `chosen`, by its node and the place of its mask, as a sum."""
    names, nodes = NewNames(model), list[NodeProto]()
    made: dict[tuple[str, int, bytes], str] = {}
    for index, node in enumerate(model.graph.node):
        if index not in chosen:
            nodes.append(node)
            continue
        place, condition = chosen[index], node.input[0]
        mask = _within(graph.constant(graph.nodes[index].input[place]))
        key = (condition, place, mask.tobytes())
        if key not in made:
            operands = [mask, np.zeros((), np.float32)][:: 1 if place == 1 else -1]
            if graph.is_constant(condition):
                value = np.where(graph.constant(condition), *operands)
                made[key] = add_constant(model, f"{node.output[0]}_mask", value)
            else:
                made[key] = names.fresh(f"{node.output[0]}_mask")
                read = [add_constant(model, f"{made[key]}_value", value) for value in operands]
                name = names.fresh(f"{node.name}_mask")
                nodes.append(helper.make_node("Where", [condition, *read], [made[key]], name=name))
        operands_of_sum = [node.input[3 - place], made[key]]
        nodes.append(helper.make_node("Add", operands_of_sum, [node.output[0]], name=node.name))
    replace_nodes(model, nodes)


def _leading_to_softmax(graph: Graph) -> set[int]:
    """The nodes all of whose results go into inputs of Softmaxes, by nodes of `_PATH` only."""
    found: set[int] = set()
    for index in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[index]
        results = [name for name in node.output if name]
        if node.op_type in _PATH and all(_goes_on(name, graph, found) for name in results):
            found.add(index)
    return found


def _goes_on(name: str, graph: Graph, leading: set[int]) -> bool:
    readers = graph.consumers(name)
    if not readers or name in graph.visible or not graph.is_float(name):
        return False
    for reader in readers:
        node = graph.nodes[reader]
        if reader not in leading and node.op_type != "Softmax":
            return False
        places = _PATH.get(node.op_type, (0,))
        if any(n == name and place not in places for place, n in enumerate(node.input)):
            return False
    return True


def _exceeds(name: str, graph: Graph) -> bool:
    """Whether a float constant has values beyond `LARGEST`."""
    constant = graph.is_constant(name) and graph.is_float(name)
    return constant and bool((np.abs(graph.constant(name)) > LARGEST).any())


def _is_mask(name: str, graph: Graph) -> bool:
    """Whether nothing that a float constant holds is above `LEAST`."""
    if not graph.is_constant(name) or not graph.is_float(name):
        return False
    value = graph.constant(name)
    return bool(value.size) and bool(value.max() <= LEAST)


def _within(value: Array) -> Array:
    return np.asarray(np.clip(value, -LARGEST, LARGEST), dtype=np.float32)
