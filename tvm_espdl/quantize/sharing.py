"""Finds the tensors that must have one exponent, and the edges where a requantize goes in.

Must never choose the exponents themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .plan import Operand, Plan

#: A member of a group: an activation by name, or a constant operand by its place.
Member = str | Operand


class Groups:
    """Disjoint sets of members."""

    def __init__(self) -> None:
        self._parent: dict[Member, Member] = {}

    def find(self, member: Member) -> Member:
        """The member that stands for the group of `member`."""
        root = member
        while (parent := self._parent.setdefault(root, root)) != root:
            root = parent
        while self._parent[member] != root:
            self._parent[member], member = root, self._parent[member]
        return root

    def join(self, first: Member, second: Member) -> None:
        """Make one group of two; the group of `first` keeps standing for it."""
        self._parent[self.find(second)] = self.find(first)

    def all(self) -> dict[Member, list[Member]]:
        """The groups, by the member that stands for each."""
        groups: dict[Member, list[Member]] = {}
        for member in self._parent:
            groups.setdefault(self.find(member), []).append(member)
        return groups


@dataclass
class Sharing:
    """Which members have one exponent.

    Attributes
    ----------
    groups : Groups
        Every quantized activation and every constant operand is in one.
    silent : set of str
        Tensors whose range does not count: a Clip cuts off what does not fit.
    edges : dict of (int, int) to str
        Inputs, by node and position, that are brought to the exponent of the tensor named.
    conversions : frozenset of (int, int)
        Inputs, by node and position, that are brought to another width, at an exponent of
        their own.
    """

    groups: Groups = field(default_factory=Groups)
    silent: set[str] = field(default_factory=set)
    edges: dict[Operand, str] = field(default_factory=dict)
    conversions: frozenset[Operand] = frozenset()


def share_exponents(plan: Plan) -> Sharing:
    """Group the quantized tensors of `plan` by the rules of the operators between them."""
    sharing = Sharing(silent=_silent_tensors(plan), conversions=frozenset(_conversions(plan)))
    for name in plan.tensors():
        sharing.groups.find(name)
    for index, rule in plan.rules.items():
        source = plan.graph.nodes[index].input[0]
        for place, _ in plan.constants(index):
            sharing.groups.find((index, place))
        if rule.kind in ("share", "clip") and source not in plan.inner:
            own = plan.graph.is_constant(source) or (index, 0) in sharing.conversions
            first: Member = (index, 0) if own else source
            for output in filter(None, plan.graph.nodes[index].output):
                sharing.groups.join(first, output)
    free = _outside_readers(plan, sharing.groups)
    for operand in sharing.conversions:
        sharing.groups.find(operand)
    for index, rule in plan.rules.items():
        if rule.kind != "align":
            continue
        output = plan.kernel_output(index)
        for place, name in plan.operands(index):
            if plan.graph.is_constant(name):
                sharing.groups.join(output, (index, place))
            elif free[name] == {index} and plan.tensor_bits(name) == plan.bits(index):
                sharing.groups.join(output, name)
            else:
                sharing.edges[index, place] = output
    return sharing


def _conversions(plan: Plan) -> Iterator[Operand]:
    for index, rule in plan.rules.items():
        if rule.kind == "align":
            continue
        for place, name in plan.operands(index):
            constant = plan.graph.is_constant(name) or name in plan.inner
            if not constant and plan.tensor_bits(name) != plan.bits(index):
                yield index, place


def _silent_tensors(plan: Plan) -> set[str]:
    # From back to front: a tensor that only feeds a Clip needs no room for what the Clip cuts off,
    # nor does one that reaches it through operators which move or select values.
    silent: set[str] = set()
    for name in reversed(plan.tensors()):
        reader = plan.graph.only_consumer(name)
        if reader is None or reader not in plan.rules or name in plan.graph.inputs:
            continue
        kind = plan.rules[reader].kind
        outputs = [output for output in plan.graph.nodes[reader].output if output]
        if kind == "clip" or (kind == "share" and all(output in silent for output in outputs)):
            silent.add(name)
    return silent


def _outside_readers(plan: Plan, groups: Groups) -> dict[str, set[int]]:
    """Who reads a tensor or those that share its exponent, besides the operators that share it."""
    readers: dict[Member, set[int]] = {}
    for name in plan.tensors():
        found = readers.setdefault(groups.find(name), set())
        if name in plan.graph.visible:
            found.add(-1)
        for reader in plan.graph.consumers(name):
            if reader not in plan.rules or plan.rules[reader].kind not in ("share", "clip"):
                found.add(reader)
    return {name: readers[groups.find(name)] for name in plan.tensors()}
