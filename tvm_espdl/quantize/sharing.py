"""Finds the tensors that must have one exponent, and the edges where a requantize goes in.

Must never choose the exponents themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .plan import Operand, Plan
from .recurrent import BIAS, CELLS, GATE_EXPONENT, INITIAL_C, INITIAL_H

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
    """Which members have one exponent; operands are named by node and position."""

    #: Every quantized activation and every constant operand is in one.
    groups: Groups = field(default_factory=Groups)
    #: Tensors whose range does not count: a Clip cuts off what does not fit.
    silent: set[str] = field(default_factory=set)
    #: Inputs that are brought to the exponent of the tensor named.
    edges: dict[Operand, str] = field(default_factory=dict)
    #: Inputs that are brought to another width, at an exponent of their own.
    conversions: frozenset[Operand] = frozenset()
    #: Inputs of one operator that are brought to the coarsest exponent that any of them has.
    meetings: list[tuple[Operand, ...]] = field(default_factory=list)
    #: Exponents that the chip's kernels prescribe, by a member of the group.
    fixed: dict[Member, int] = field(default_factory=dict)


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
    for kind, join in (("align", _align), ("compare", _compare), ("recurrent", _join_states)):
        for index, rule in plan.rules.items():
            if rule.kind == kind:
                join(index, plan, sharing, free)
    return sharing


Readers = Mapping[str, set[int]]


def _align(index: int, plan: Plan, sharing: Sharing, free: Readers) -> None:
    """Inputs take the exponent of the output; those that others read are requantized to it."""
    output = plan.kernel_output(index)
    for place, _ in plan.operands(index):
        _follow(output, (index, place), plan, sharing, free)


def _follow(target: str, operand: Operand, plan: Plan, sharing: Sharing, free: Readers) -> None:
    """Bring an operand to the exponent of `target`: as a member of its group, or by an edge."""
    index, place = operand
    name = plan.graph.nodes[index].input[place]
    if plan.graph.is_constant(name):
        sharing.groups.join(target, operand)
    elif _joins(operand, plan, free):
        sharing.groups.join(target, name)
    else:
        sharing.edges[operand] = target


def _joins(operand: Operand, plan: Plan, free: Readers) -> bool:
    """Whether an activation may be made at the exponent that an operator reads it at."""
    index, place = operand
    name = plan.graph.nodes[index].input[place]
    alone = free[name] == {index} and plan.tensor_bits(name) == plan.bits(index)
    return alone and operand not in plan.apart


def _compare(index: int, plan: Plan, sharing: Sharing, free: Readers) -> None:
    """Two activations that nothing else reads share an exponent; others meet at the coarser."""
    operands = list(plan.operands(index))
    if len(operands) < 2:
        return
    alone = all(free[n] == {index} and plan.tensor_bits(n) == plan.bits(index) for _, n in operands)
    if alone:
        sharing.groups.join(operands[0][1], operands[1][1])
    else:
        sharing.meetings.append(tuple((index, place) for place, _ in operands))


def _join_states(index: int, plan: Plan, sharing: Sharing, free: Readers) -> None:
    """Hidden states share an exponent; biases and cells have that of the gates."""
    node = plan.graph.nodes[index]
    states = [name for name in node.output[:CELLS] if name]
    for name in states[1:]:
        sharing.groups.join(states[0], name)
    visible = next(name for name in states if name not in plan.unread_states)
    for place, name in plan.operands(index):
        if place in (BIAS, INITIAL_C):
            sharing.fixed[name if name in plan.cells else (index, place)] = GATE_EXPONENT
        elif place == INITIAL_H:
            _follow(visible, (index, place), plan, sharing, free)
    sharing.fixed.update((name, GATE_EXPONENT) for name in node.output[CELLS:] if name)


def _conversions(plan: Plan) -> Iterator[Operand]:
    for index, rule in plan.rules.items():
        met = rule.kind == "compare" and len(list(plan.operands(index))) > 1
        if rule.kind == "align" or met:
            continue
        for place, name in plan.operands(index):
            if plan.graph.is_constant(name) or name in plan.inner:
                continue
            if rule.kind == "recurrent" and place in (INITIAL_H, INITIAL_C):
                # Hidden states follow the results; cells are at the gates' exponent, or come to it.
                if place == INITIAL_C and name not in plan.cells:
                    yield index, place
            elif plan.tensor_bits(name) != plan.bits(index):
                yield index, place


def _silent_tensors(plan: Plan) -> set[str]:
    # From back to front: a tensor that only feeds a Clip needs no room for what the Clip cuts off,
    # nor does one that reaches it through operators which move or select values.
    silent: set[str] = set()
    for name in reversed(plan.tensors()):
        reader = plan.graph.only_consumer(name)
        if reader is None or reader not in plan.rules or name in plan.graph.inputs:
            continue
        maker = plan.graph.producer(name)
        if maker in plan.rules and plan.rules[maker].kind == "recurrent":
            continue  # the next step reads its hidden states, too
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
