"""How much the noise of each tensor weighs in the choice of an exponent that several share.

What counts is the noise that reaches what is computed from them. A sum has the noise of all that is
added: that of a small operand weighs by its share in the power of the sum, so that a constant that
hardly matters never decides for a large tensor. Parts of a Concat do not mix: each counts by what
its channels do in the layers that read them, and by its own power elsewhere. Must never choose an
exponent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..onnx_graphs.graph import Array, Graph, attribute
from .calibration import TensorRange
from .layer_statistics import LayerStatistics, patch_rows
from .plan import Layer, Operand, Plan
from .sharing import Member, Sharing

#: Operators whose result holds the elements of their inputs, each in its place.
_PLACING = ("Concat", "ScatterND")

#: What has so large a share in the power of a result counts in full. Power is a mean: there are
#: samples and channels in which that is most of what there is.
FULL_SHARE = 0.25

#: What leaves channels apart and moves or selects within each; the noise of a tensor goes through.
_CHANNELWISE = ("Relu", "Clip", "MaxPool", "Identity")

#: Noise over signal of a layer's sums for noise of power 1 in each channel of its input, (C,).
Gains = Mapping[int, Array]


class Importance:
    """The weight of each member's noise over its own power, and of each operand that is converted.

    `seen` holds the ranges of all members and of the operands that are brought to another exponent.
    """

    def __init__(
        self, plan: Plan, sharing: Sharing, seen: Mapping[Member, TensorRange], gains: Gains
    ) -> None:
        self._plan, self._sharing, self._seen, self._gains = plan, sharing, seen, gains
        self.weights: dict[Member, float] = {}
        #: The noise over signal that noise of power 1 in a tensor becomes, where it is read.
        self._reach: dict[str, float] = {}
        for name in reversed(plan.tensors()):
            self._weigh(name)
        for index in plan.rules:
            for place, _ in plan.constants(index):
                self.weights[index, place] = self._of_operand(index, place)

    def _weigh(self, name: str) -> None:
        graph, plan = self._plan.graph, self._plan
        power = self._power(name)
        handed, added, outside = 0.0, 0.0, name in graph.visible
        for reader in graph.consumers(name):
            if reader not in plan.rules:
                outside |= plan.is_integer(name)
                continue
            kind = plan.rules[reader].kind
            for place, read in plan.operands(reader):
                if read != name:
                    continue
                if kind == "align":
                    weight = self._of_operand(reader, place)
                    if (reader, place) in self._sharing.edges:
                        self.weights[reader, place] = weight
                    added += weight
                elif kind in ("share", "clip") and (reader, place) not in self._sharing.conversions:
                    outputs = [self._reach.get(n, 0.0) for n in graph.nodes[reader].output if n]
                    handed += sum(outputs)
                else:
                    outside = True
        maker = graph.producer(name)
        outside |= maker in plan.rules and plan.rules[maker].kind == "recurrent"
        self.weights[name] = float(outside) + added
        self._reach[name] = handed + (self.weights[name] / power if power else 0.0)

    def _of_operand(self, index: int, place: int) -> float:
        """The weight of an operand of a node, for what it does to the node's result."""
        plan, node = self._plan, self._plan.graph.nodes[index]
        if plan.rules[index].kind != "align":
            return 1.0
        if node.op_type in _PLACING:
            return self._of_part(index, place)
        power = self._power(self._member(index, place))
        share = power * self._reach.get(plan.kernel_output(index), 0.0)
        return _weight(share)

    def _of_part(self, index: int, place: int) -> float:
        """That of a part of a Concat: its share in the layers that read it, where these are all."""
        plan, node = self._plan, self._plan.graph.nodes[index]
        readers = list(_readers(plan, node.output[0]))
        shapes = [plan.graph.shape(name) for name in node.input]
        if node.op_type != "Concat" or not readers or None in readers or None in shapes:
            return 1.0
        axis = attribute(node, "axis", 0) % len(shapes[0] or (0,))
        sizes = [(shape or (0,))[axis] for shape in shapes]
        start = sum(sizes[:place])
        total = 0.0
        for reader in readers:
            assert reader is not None
            convolves = plan.graph.nodes[reader].op_type == "Conv"
            fits = axis == (1 if convolves else len(shapes[0] or ()) - 1)
            if not fits or len(self._gains.get(reader, ())) != sum(sizes):
                return 1.0
            total += float(self._gains[reader][start : start + sizes[place]].sum())
        return _weight(total * self._power(self._member(index, place)))

    def _member(self, index: int, place: int) -> Member:
        name = self._plan.graph.nodes[index].input[place]
        constant = self._plan.graph.is_constant(name)
        return (index, place) if constant or (index, place) in self._seen else name

    def _power(self, member: Member) -> float:
        return self._seen[member].mean_square if member in self._seen else 0.0


def _weight(share: float) -> float:
    """The weight of what has a share in the power of a result; above 1 where others cancel it."""
    return max(share, min(share / FULL_SHARE, 1.0))


def _readers(plan: Plan, name: str) -> Iterator[int | None]:
    """The layers that read a tensor, also through `_CHANNELWISE`; None for other readers."""
    if name in plan.graph.visible:
        yield None
    for reader in plan.graph.consumers(name):
        kind = plan.rules[reader].kind if reader in plan.rules else ""
        node = plan.graph.nodes[reader]
        if kind == "filter" and node.input[0] == name:
            yield reader
        elif kind in ("share", "clip") and node.op_type in _CHANNELWISE:
            yield from _readers(plan, node.output[0])
        else:
            yield None


def layer_gains(plan: Plan, statistics: LayerStatistics) -> dict[int, Array]:
    """The `Gains` of the layers that read what a Concat makes, by their nodes.

    An error e in input channel c changes the sums of a layer by w[o, c, k]·e: noise of power 1
    becomes the sum over o and k of w², where the sum over o of w·E[xx']·w' is the signal's power.
    """
    concats = [i for i in plan.rules if plan.graph.nodes[i].op_type == "Concat"]
    read = {r for i in concats for r in _readers(plan, plan.graph.nodes[i].output[0])}
    found = {}
    for layer in plan.layers():
        if layer.node in read and (gain := _gain(layer, plan.graph, statistics)) is not None:
            found[layer.node] = gain
    return found


def _gain(layer: Layer, graph: Graph, statistics: LayerStatistics) -> Array | None:
    moments = statistics.moments(layer.node)
    if moments is None:
        return None
    rows = patch_rows(layer, graph, graph.constant(layer.weight))
    power = float(((rows @ moments) * rows).sum())
    if power <= 0:
        return None
    size = graph.constant(layer.weight).shape[1] if graph.nodes[layer.node].op_type == "Conv" else 0
    channels = size or rows.shape[2]
    squares = (rows**2).sum(axis=1).reshape(rows.shape[0] * channels, -1).sum(axis=1)
    return squares / power


__all__ = ["Gains", "Importance", "Operand", "layer_gains"]
