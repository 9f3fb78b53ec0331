"""Finds activations whose channels can be scaled without changing what the network computes.

Where layers make and layers read a tensor, and everything between treats each channel alone and
passes positive factors through, a channel may be divided by a factor as it is made and multiplied
by it as it is read. Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and
Bias Correction", 2019, widened from pairs of layers to all that an Add, a Concat or a shared reader
joins.

Must never take in a tensor that is an input or an output of the network, nor one that reaches an
operator outside the table below. A Clip is outside: its limits are not scaled with the channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import NodeProto

from ..onnx_graphs.graph import Array, Graph, attribute
from .plan import Plan
from .sharing import Groups, Member

Places = npt.NDArray[np.int64]

_LAYERS = ("Conv", "ConvTranspose", "Gemm")


@dataclass(frozen=True, eq=False)
class ChannelSet:
    """Tensors that share the factors of their channels."""

    channels: int  #: How many factors there are.
    #: Which factor each element along axis 1 of each tensor has; -1: none.
    places: Mapping[str, Places]
    #: Which channels a layer makes together, and what moves with them: the number of the part that
    #: each factor belongs to, (channels,). Only a Concat joins several.
    parts: Places
    makers: tuple[int, ...]  #: The layers, by node, that make these tensors.
    readers: tuple[int, ...]  #: Those that read them.

    @property
    def tensors(self) -> tuple[str, ...]:
        """In the order of the graph."""
        return tuple(self.places)

    @property
    def name(self) -> str:
        """The first of the tensors: it stands for the set."""
        return next(iter(self.places))

    def along(self, factors: Array, tensor: str) -> Array:
        """The factors (C,) along axis 1 of a tensor, 1 where it has none."""
        return np.asarray(np.append(factors, 1.0)[self.places[tensor]])

    def largest(self, values: Array, tensor: str) -> Array:
        """The largest of some values along axis 1 of a tensor, none negative, of each factor."""
        found, places = np.zeros(self.channels), self.places[tensor]
        np.maximum.at(found, places[places >= 0], values[places >= 0])
        return found


def find_channel_sets(plan: Plan) -> list[ChannelSet]:
    """The sets of a network, in the order of its tensors; layers in float are left alone."""
    return _Finder(plan).sets()


class _Finder:
    """Groups of tensors with the same channels, and the Concats that join some to larger ones."""

    def __init__(self, plan: Plan) -> None:
        self._graph = graph = plan.graph
        self._layers = {
            layer.node for layer in plan.layers() if graph.nodes[layer.node].op_type in _LAYERS
        }
        self._groups, blocked = Groups(), {*graph.inputs, *graph.visible}
        self._joints: list[tuple[str, list[str]]] = []
        for index, node in enumerate(graph.nodes):
            read = [name for name in node.input if name and not graph.is_constant(name)]
            for name in (*read, *filter(None, node.output)):
                self._groups.find(name)
            if index in self._layers:
                continue
            if _joins(node, graph):
                self._joints.append((node.output[0], read))
            elif _passes(node, read, graph):
                for name in read:
                    self._groups.join(node.output[0], name)
            else:
                blocked.update((*read, *node.output))
        self._unite()
        self._closed = self._close(blocked)
        self._members: dict[Member, list[str]] = {}
        for name in (name for node in graph.nodes for name in node.output if name):
            self._members.setdefault(self._find(name), []).append(name)

    def _find(self, name: Member) -> Member:
        return self._groups.find(name)

    def _unite(self) -> None:
        """Join the parts of Concats whose results have the same channels."""
        moved = True
        while moved:
            moved = False
            first: dict[Member, list[str]] = {}
            for result, parts in self._joints:
                others = first.setdefault(self._find(result), parts)
                if [self._size(n) for n in others] != [self._size(n) for n in parts]:
                    continue  # closed below
                for one, other in zip(others, parts, strict=True):
                    if self._find(one) != self._find(other):
                        self._groups.join(one, other)
                        moved = True

    def _close(self, blocked: set[str]) -> set[Member]:
        """The groups that cannot be scaled; what a Concat makes closes what it is made from."""
        closed = {self._find(name) for name in blocked}
        sizes: dict[Member, list[int]] = {}
        for result, parts in self._joints:
            found = [self._size(name) for name in parts]
            if sizes.setdefault(self._find(result), found) != found:
                closed.add(self._find(result))
        for result, parts in reversed(self._joints):
            if self._find(result) in closed:
                closed.update(map(self._find, parts))
        return closed

    def _size(self, name: str) -> int:
        return (self._graph.shape(name) or (0, 0))[1]

    def sets(self) -> list[ChannelSet]:
        """Those that layers make and read."""
        joined = {self._find(result): parts for result, parts in self._joints}
        together = Groups()
        for root in self._members:
            together.find(root)
        for root, parts in joined.items():
            for part in map(self._find, parts):
                if part not in self._closed and root not in self._closed:
                    together.join(root, part)
        components: dict[Member, list[Member]] = {}
        for root in self._members:
            if root not in self._closed:
                components.setdefault(together.find(root), []).append(root)
        found = (self._set_of(roots, joined) for roots in components.values())
        order = {name: number for number, name in enumerate(self._ordered())}
        return sorted((entry for entry in found if entry), key=lambda entry: order[entry.name])

    def _ordered(self) -> list[str]:
        return [name for node in self._graph.nodes for name in node.output if name]

    def _set_of(
        self, roots: Sequence[Member], joined: Mapping[Member, list[str]]
    ) -> ChannelSet | None:
        """The set of groups that Concats join; None if it is none, or a weight is shared."""
        graph, members = self._graph, self._members
        tensors = {name for root in roots for name in members[root]}
        makers = [i for i in sorted(self._layers) if graph.nodes[i].output[0] in tensors]
        readers = [i for i in sorted(self._layers) if graph.nodes[i].input[0] in tensors]
        counts = {root: min(self._size(name) for name in members[root]) for root in roots}
        sizes = [(self._size(n), counts[root]) for root in roots for n in members[root]]
        if not makers or not readers or any(not of or size % of for size, of in sizes):
            return None
        # A weight that two layers share cannot be scaled for one of them.
        constants = (name for layer in (*makers, *readers) for name in graph.nodes[layer].input[1:])
        if any(len(graph.consumers(name)) > 1 for name in constants if name):
            return None
        parts: list[Places] = []
        places: dict[Member, Places] = {}
        channels = 0
        for root in roots:
            if root not in joined:
                places[root] = np.arange(channels, channels + counts[root])
                parts.append(np.full(counts[root], len(parts)))
                channels += counts[root]

        def of(name: str) -> Places:
            root = self._find(name)
            if root not in counts:
                return np.full(self._size(name), -1)
            if root not in places:
                places[root] = np.concatenate([of(part) for part in joined[root]])
            return np.repeat(places[root], self._size(name) // len(places[root]))

        ordered = {name: of(name) for name in self._ordered() if name in tensors}
        return ChannelSet(channels, ordered, np.concatenate(parts), tuple(makers), tuple(readers))


def _joins(node: NodeProto, graph: Graph) -> bool:
    """Whether the node is a Concat of the channels of activations."""
    shapes = [graph.shape(name) for name in (*node.input, *node.output)]
    known = all(shape is not None and len(shape) >= 2 for shape in shapes)
    if node.op_type != "Concat" or not known or any(map(graph.is_constant, node.input)):
        return False
    return attribute(node, "axis", 0) % len(shapes[0] or (0,)) == 1


def _passes(node: NodeProto, read: list[str], graph: Graph) -> bool:
    shapes = [graph.shape(name) for name in (*read, *node.output) if name]
    if any(shape is None or len(shape) < 2 for shape in shapes) or len(node.output) != 1:
        return False
    check = _CHECKS.get(node.op_type)
    return check is not None and check(node, [shape for shape in shapes if shape is not None])


Shapes = list[tuple[int, ...]]


def _flattens(node: NodeProto, shapes: Shapes) -> bool:
    """(N, C, ...) becomes (N, C * ...): each channel lies in one piece."""
    before, after = shapes[0], shapes[-1]
    axis = attribute(node, "axis", 1) if node.op_type == "Flatten" else 1
    return axis == 1 and len(after) == 2 and before[0] == after[0]


#: Whether an operator passes a positive factor of a channel from its activations to its output.
_CHECKS: dict[str, Callable[[NodeProto, Shapes], bool]] = {
    **dict.fromkeys(("Relu", "LeakyRelu", "Identity"), lambda node, shapes: True),
    **dict.fromkeys(("MaxPool", "AveragePool"), lambda node, shapes: True),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), lambda node, shapes: True),
    **dict.fromkeys(("Flatten", "Reshape"), _flattens),
    # Two activations of one shape; a constant would need a factor of its own.
    "Add": lambda node, shapes: len(shapes) == 3 and len(set(shapes)) == 1,
    "PRelu": lambda node, shapes: len(shapes) == 2,  # its slopes are constant
}
