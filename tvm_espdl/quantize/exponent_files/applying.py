"""Gives a float network the exponents of a file.

Must never round a number that the file states to what would fit: it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from onnx import ModelProto

from ...chips import Chip, find_chip
from ...errors import ChipError, DataError
from ...onnx_graphs.graph import Array, Graph
from ...ops.softmax import LARGEST_EXPONENT
from ..assignment import SOFTMAXES
from ..channel_scaling import scale_model
from ..channel_sets import find_channel_sets
from ..plan import Operand, Plan
from ..qdq import stored_constants
from ..settled_exponents import Assignment
from ..sharing import Member, Sharing, share_exponents
from .applied import (
    Applied,
    channel_count,
    integers_of,
    missing,
    network_of,
    plan_of,
    settled,
    unknown,
    with_wide_inputs,
)
from .integers import restored_values
from .record import Place, SavedExponents
from .saving import node_name

_REASON = "it was float when the exponents were saved"
_AGAIN = "quantize the float model again, with --save_exponents"


def apply(saved: SavedExponents, prepared: ModelProto, chip: Chip, file: str) -> Applied:
    """The network of a file: the same bytes as when it was saved.

    Parameters
    ----------
    saved : SavedExponents
        What the file says.
    prepared : ModelProto
        The float network, preprocessed as it was then; left as it is.
    chip : Chip
        The one that it was quantized for.
    file : str
        Its name, for errors.

    Raises
    ------
    ChipError
        If the file is for another chip, or has weights as it cannot have them.
    DataError
        If it does not fit the network, or has exponents that the chip's kernels do not compute.
    ModelError
        If the network has a higher operator set.
    """
    if find_chip(saved.chip) != chip:
        raise ChipError(
            "the exponents were chosen for another chip",
            where=file,
            found=saved.chip,
            allowed=chip.name,
            try_=f"--target_chip {saved.chip}, or quantize for {chip.name} with data",
        )
    if saved.per_channel and not chip.per_channel:
        raise ChipError(
            "the chip has one weight exponent per tensor only",
            where=f"{file}, per_channel",
            found="true",
            allowed=f"false for {chip.name}",
            try_=_AGAIN,
        )
    return _Application(saved, network_of(prepared, saved.opset, file), chip, file).applied()


class _Application:
    """One file on its way into one network."""

    def __init__(self, saved: SavedExponents, model: ModelProto, chip: Chip, file: str) -> None:
        self.saved, self.model, self.chip, self.file = saved, model, chip, file
        self.scaling: dict[str, Array] = {}
        graph = Graph(model)
        self.nodes = {node_name(graph, index): index for index in range(len(graph.nodes))}
        floats = {self._node(name): _REASON for name in saved.floats}
        self.plan = self._widened(plan_of(model, floats))
        self.places: dict[Operand, Place] = {
            (self._node(node), place): (node, place) for node, place in saved.operands
        }

    def _node(self, name: str) -> int:
        if name not in self.nodes:
            raise unknown("node", name, self.nodes, self.file)
        return self.nodes[name]

    def _widened(self, plan: Plan) -> Plan:
        wide = frozenset(self._node(name) for name in self.saved.int16)
        if not wide <= plan.rules.keys():
            name = node_name(plan.graph, min(wide - plan.rules.keys()))
            raise self._refusal(f"node {name!r}", "int16", "int8, or float", "it stays float")
        plan = replace(plan, wide=wide)
        return with_wide_inputs(
            plan, [n for n, held in self.saved.tensors.items() if held.bits > 8]
        )

    def _refusal(self, where: str, found: object, allowed: object, what: str) -> DataError:
        return DataError(
            what, where=f"{self.file}, {where}", found=found, allowed=allowed, try_=_AGAIN
        )

    def applied(self) -> Applied:
        self._check_tensors()
        self._check_operands()
        apart = {o for o in self.places if self.plan.rules[o[0]].kind == "align"}
        apart -= {(index, p) for index in self.plan.rules for p, _ in self.plan.constants(index)}
        self.plan = replace(self.plan, apart=frozenset(apart))
        self._scale()
        sharing = share_exponents(self.plan)
        weights = {self._node(n): integers_of(e) for n, e in self._weights().items()}
        assignment = settled(
            self.plan,
            sharing,
            self._groups(sharing),
            weights,
            self.chip,
            per_channel=self.saved.per_channel,
        )
        self._compare(assignment)
        assignment = replace(assignment, values=dict(self._values(assignment)))
        return Applied(self.model, self.plan, assignment, self.scaling)

    def _check_tensors(self) -> None:
        tensors, plan = self.saved.tensors, self.plan
        wanted = plan.tensors()
        for name in tensors:
            if name not in wanted:
                raise unknown("quantized tensor", name, wanted, self.file)
        if lacking := [name for name in wanted if name not in tensors]:
            raise missing("quantized tensor", lacking, self.file, _AGAIN)
        for name, held in tensors.items():
            if held.bits != plan.tensor_bits(name):
                raise self._refusal(
                    f"tensor {name!r}",
                    f"{held.bits} bits",
                    f"{plan.tensor_bits(name)} bits",
                    "the width is not that of the node that makes it (see 'int16')",
                )

    def _check_operands(self) -> None:
        for operand, (node, place) in self.places.items():
            read = dict(self.plan.operands(operand[0])) if operand[0] in self.plan.rules else {}
            where = f"input {place} of {node!r}"
            if operand[1] not in read:
                allowed = ", ".join(map(str, read)) or "none: it stays float"
                raise self._refusal(where, place, allowed, "no quantized input of that node")
            held, bits = self.saved.operands[node, place], self.plan.operand_bits(*operand)
            if held.bits != bits:
                what = "the width is not that of the node that reads it"
                raise self._refusal(where, f"{held.bits} bits", f"{bits} bits", what)

    def _scale(self) -> None:
        sets = {entry.name: entry for entry in find_channel_sets(self.plan)}
        for name, factors in self.saved.channels.items():
            if name not in sets:
                raise unknown("set of channels", name, sets, self.file)
            if len(factors) != sets[name].channels:
                where, count = f"channels of {name!r}", sets[name].channels
                raise self._refusal(where, len(factors), count, "not one factor for each channel")
            self.scaling[name] = np.array(factors, dtype=np.float64)
        if self.scaling:
            chosen = [entry for name, entry in sets.items() if name in self.scaling]
            self.model = scale_model(self.model, self.plan, chosen, self.scaling)
            self.plan = replace(self.plan, graph=Graph(self.model))

    def _weights(self) -> Mapping[str, tuple[int, ...]]:
        layers = {node_name(self.plan.graph, layer.node) for layer in self.plan.layers()}
        for name, exponents in self.saved.weights.items():
            if name not in layers:
                raise unknown("layer with weights", name, sorted(layers), self.file)
            channels = channel_count(self.plan, self._node(name)) if self.saved.per_channel else 1
            if len(exponents) != channels:
                what = "not one exponent for each output channel"
                where = f"weights of {name!r}"
                raise self._refusal(where, len(exponents), channels, what)
        if lacking := sorted(layers - self.saved.weights.keys()):
            raise missing("layer", lacking, self.file, _AGAIN)
        return self.saved.weights

    def _groups(self, sharing: Sharing) -> dict[Member, int]:
        """The exponent of each group of tensors and operands; all of a group say the same."""
        group: dict[Member, int] = {}
        first: dict[Member, str] = {}
        own = set(sharing.conversions)
        own.update((i, place) for i in self.plan.rules for place, _ in self.plan.constants(i))
        members: list[tuple[Member, str, int]] = [
            (name, f"tensor {name!r}", held.exponent) for name, held in self.saved.tensors.items()
        ]
        members += [
            (operand, f"input {place[1]} of {place[0]!r}", self.saved.operands[place].exponent)
            for operand, place in self.places.items()
            if operand in own
        ]
        if lacking := own - self.places.keys():
            names = [f"input {p} of {node_name(self.plan.graph, i)}" for i, p in sorted(lacking)]
            raise missing("constant or requantized input", names, self.file, _AGAIN)
        members += [(member, "the chip's kernels", e) for member, e in sharing.fixed.items()]
        for member, where, exponent in members:
            root = sharing.groups.find(member)
            if group.setdefault(root, exponent) != exponent:
                what = f"the chip holds it and {first[root]} at one exponent"
                raise self._refusal(where, exponent, group[root], what)
            first.setdefault(root, where)
        return group

    def _compare(self, assignment: Assignment) -> None:
        """Refuse exponents that kernels would have to compute otherwise."""
        for name, least in assignment.tensors.items():
            if (stated := self.saved.tensors[name].exponent) != least:
                what = "the products that it is the sum of are coarser"
                raise self._refusal(f"tensor {name!r}", stated, f"{least} or above", what)
        expected = {**assignment.constants, **assignment.requantized}
        for operand in sorted(expected.keys() | self.places.keys()):
            place = self.places.get(operand)
            found = None if place is None else self.saved.operands[place].exponent
            if found != expected.get(operand):
                where = f"input {operand[1]} of {node_name(self.plan.graph, operand[0])!r}"
                what = "not the exponent that the node reads it at"
                raise self._refusal(where, found, expected.get(operand), what)
        for node, exponents in assignment.weights.items():
            name = node_name(self.plan.graph, node)
            if self.saved.weights[name] != tuple(exponents.tolist()):
                what = "the bias does not fit beside such weights"
                own, allowed = [*self.saved.weights[name]], f"{exponents.tolist()} or above"
                raise self._refusal(f"weights of {name!r}", own, allowed, what)
        for index in self.plan.rules:
            if self.plan.graph.nodes[index].op_type not in SOFTMAXES or index in self.plan.wide:
                continue
            if (exponent := assignment.input_exponent(self.plan, index)) > LARGEST_EXPONENT:
                where = f"input 0 of {node_name(self.plan.graph, index)!r}"
                what = "its exponentials would overflow in int8"
                raise self._refusal(where, exponent, f"{LARGEST_EXPONENT} or below", what)

    def _values(self, assignment: Assignment) -> Iterator[tuple[Operand, Array]]:
        stored = stored_constants(self.plan, assignment, self.chip)
        known = {(node_name(self.plan.graph, node), place): (node, place) for node, place in stored}
        for place, chosen in self.saved.integers.items():
            if place not in known:
                names = sorted(f"{node}, {p}" for node, p in known)
                raise unknown("constant", f"{place[0]}, {place[1]}", names, self.file)
            constant = stored[known[place]]
            where = f"{self.file}, integers of input {place[1]} of {place[0]!r}"
            float_ = self.plan.graph.constant(constant.name)
            values = restored_values(chosen, constant, float_, self.chip.rounding, where)
            yield known[place], values
