"""Writes masks before a Softmax as sums with large finite numbers, which integers can hold.

A mask takes values out of a Softmax: infinity, or a number so large that its exponential is 0, is
added to them or put in their place. Only sums saturate as they should in integers, and only finite
numbers can be measured. Must never change what a Softmax makes of a row that is not masked as a
whole, nor touch a tensor that anything else reads. Of a LogSoftmax, masked results change.
"""

from __future__ import annotations

import copy

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

_LAYERS = ("Conv", "Gemm")

#: What takes masked values out. The logarithm leaves them numbers as low as the masks.
SOFTMAXES = ("Softmax", "LogSoftmax")

#: Places of the inputs that go into the result, by the type of the node.
_PATH: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*_MOVES, "Slice", "Gather", "Split", "Clip", "Div"), (0,)),
    **dict.fromkeys(("Add", "Sub", "Mul", "Max", "Min"), (0, 1)),
    "Where": (1, 2),
    **dict.fromkeys(_LAYERS, (2,)),
}


def additive_masks(model: ModelProto) -> ModelProto:
    """The model with masks that are sums with numbers of at most `LARGEST`; it is left as it is.

    A Where that puts a mask in the place of scores becomes the sum with one of a mask and zeros;
    of the bias of a layer masks are taken off and added behind it.
    """
    graph = Graph(model)
    leading = _leading_to_softmax(graph)
    if not any(_holds_masks(graph.nodes[index], graph) for index in leading):
        return model
    writer = _SumWriter(copy.deepcopy(model), graph)
    for index, node in enumerate(writer.model.graph.node):
        writer.write(node, leading=index in leading)
    replace_nodes(writer.model, writer.nodes)
    infer(writer.model)
    return writer.model


def _holds_masks(node: NodeProto, graph: Graph) -> bool:
    constants = [input_of(node, place) for place in _PATH[node.op_type]]
    return any(_exceeds(name, graph) or is_mask(name, graph) for name in constants)


class _SumWriter:
    """Writes the nodes of a copy of a model anew."""

    def __init__(self, model: ModelProto, graph: Graph) -> None:
        self.model, self._graph, self._names = model, graph, NewNames(model)
        self.nodes: list[NodeProto] = []
        self._chosen: dict[tuple[str, int, str], str] = {}

    def write(self, node: NodeProto, *, leading: bool) -> None:
        """Write what stands for a node; `leading` are those that lead to Softmaxes only."""
        if not leading:
            self.nodes.append(node)
        elif node.op_type == "Where" and (place := self._masked_place(node)):
            self._write_choice(node, place)
        elif node.op_type in _LAYERS and is_mask(input_of(node, 2), self._graph):
            self._write_layer(node)
        else:
            for place in _PATH[node.op_type]:
                name = input_of(node, place)
                if _exceeds(name, self._graph):
                    value = _within(self._graph.constant(name))
                    node.input[place] = self._constant(f"{name}_finite", value)
            self.nodes.append(node)

    def _constant(self, base: str, value: Array) -> str:
        return add_constant(self.model, self._names.fresh(base), value)

    def _masked_place(self, node: NodeProto) -> int:
        """Which of the two that a Where chooses from is nothing but a mask, the other computed."""
        masks = [_is_all_mask(node.input[place], self._graph) for place in (1, 2)]
        for place in (1, 2):
            if masks[place - 1] and not self._graph.is_constant(node.input[3 - place]):
                return place
        return 0

    def _write_choice(self, node: NodeProto, place: int) -> None:
        condition, name = node.input[0], node.input[place]
        key = condition, place, name
        if key not in self._chosen:
            mask = _within(self._graph.constant(name))
            operands = [mask, np.zeros((), np.float32)][:: 1 if place == 1 else -1]
            base = f"{node.output[0]}_mask"
            if self._graph.is_constant(condition):
                value = np.where(self._graph.constant(condition), *operands)
                self._chosen[key] = self._constant(base, value)
            else:
                made = self._chosen[key] = self._names.fresh(base)
                read = [condition, *(self._constant(f"{base}_value", value) for value in operands)]
                label = self._names.fresh(f"{node.name}_mask")
                self.nodes.append(helper.make_node("Where", read, [made], name=label))
        read = [node.input[3 - place], self._chosen[key]]
        self.nodes.append(helper.make_node("Add", read, [*node.output], name=node.name))

    def _write_layer(self, node: NodeProto) -> None:
        bias = self._graph.constant(node.input[2])
        masked = bias <= LEAST
        mask = _within(np.where(masked, bias, 0.0))
        if node.op_type == "Conv":
            mask = mask.reshape(-1, *(1,) * (len(self._graph.shape(node.output[0]) or (0,)) - 2))
        result, base = node.output[0], node.input[2]
        node.input[2] = self._constant(f"{base}_unmasked", np.where(masked, 0, bias).astype("f4"))
        node.output[0] = self._names.fresh(f"{result}_unmasked")
        read = [node.output[0], self._constant(f"{base}_mask", mask)]
        label = self._names.fresh(f"{node.name}_mask")
        self.nodes += [node, helper.make_node("Add", read, [result], name=label)]


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
        if reader not in leading and node.op_type not in SOFTMAXES:
            return False
        places = _PATH.get(node.op_type, (0,))
        if any(n == name and place not in places for place, n in enumerate(node.input)):
            return False
    return True


def _exceeds(name: str, graph: Graph) -> bool:
    """Whether a float constant has values beyond `LARGEST`."""
    constant = graph.is_constant(name) and graph.is_float(name)
    return constant and bool((np.abs(graph.constant(name)) > LARGEST).any())


def log_probabilities(graph: Graph) -> frozenset[str]:
    """Outputs that a LogSoftmax makes: what is `LEAST` or lower there was masked, however low."""
    return frozenset(name for name in graph.outputs if _is_log_probability(name, graph))


def unmasked(reference: Array, found: Array) -> tuple[Array, Array]:
    """Of logarithms of probabilities and what they should be, those that were not masked: (N,)."""
    kept = reference > LEAST
    return reference[kept], found[kept]


def _is_log_probability(name: str, graph: Graph) -> bool:
    maker = graph.maker(name)
    if maker is None or maker.op_type not in (*_MOVES, "LogSoftmax"):
        return False
    return maker.op_type == "LogSoftmax" or _is_log_probability(maker.input[0], graph)


def is_mask(name: str, graph: Graph) -> bool:
    """Whether a float constant holds numbers of `LEAST` or below beside others of no such size."""
    if not graph.is_constant(name) or not graph.is_float(name):
        return False
    value = graph.constant(name)
    return bool(value.size) and bool(value.min() <= LEAST) and bool(value.max() < -LEAST)


def _is_all_mask(name: str, graph: Graph) -> bool:
    return is_mask(name, graph) and bool(graph.constant(name).max() <= LEAST)


def _within(value: Array) -> Array:
    return np.asarray(np.clip(value, -LARGEST, LARGEST), dtype=np.float32)
