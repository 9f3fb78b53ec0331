"""Which nodes compute in int16: the user names layers, and what belongs to them follows.

Must never choose layers by itself; the automatic choice measures first and then calls this.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from ..errors import EspdlError
from .plan import Plan

#: Kinds of rules that move or select values, and those that are as wide as their input.
_MOVE = ("share", "clip")
_FOLLOW = (*_MOVE, "float_output")

#: Operators that ESP-DL has in int8 only, with the reason. Source: `ops/base/resize.py`.
INT8_ONLY = {"Resize": "for int16, ESP-DL's resize silently computes nothing"}


def widen(plan: Plan, layers: Iterable[str]) -> Plan:
    """Return the plan in which some nodes compute in int16.

    `layers` are names of nodes or of their output tensors, or patterns of them with `*`, `?` and
    `[...]`. What one kernel computes becomes int16 as a whole; operators that only move or select
    values are as wide as what they read, and change nothing when they are named. Operators of
    `INT8_ONLY` that a pattern takes in stay int8, and `Plan.kept_int8` says why.

    Raises EspdlError if a name or pattern fits no quantized node; the nearest names are proposed.
    Also if a name means an operator that has no int16 kernel.
    """
    layers = list(layers)
    asked = {index for layer in layers for index in find_nodes(plan, layer, "int16")}
    for layer in layers:
        _check_int16(plan, layer)
    kept = tuple(
        (name_of(plan, index), INT8_ONLY[plan.graph.nodes[index].op_type])
        for index in sorted(asked)
        if plan.graph.nodes[index].op_type in INT8_ONLY
    )
    return replace(widen_nodes(plan, asked), kept_int8=kept)


def find_nodes(
    plan: Plan, layer: str, option: str, among: Collection[int] | None = None
) -> list[int]:
    """The nodes that a name or pattern means, by their own or their outputs' names.

    Of the quantized ones, or of those of `among`. Raises EspdlError, naming the option, if there
    are none; the nearest names are proposed.
    """
    found = [
        index
        for index in (plan.rules if among is None else among)
        if any(fnmatch.fnmatchcase(name, layer) for name in _names(plan, index))
        or layer in _names(plan, index)
    ]
    if not found:
        raise EspdlError(
            f"the network has no such {'quantized ' if among is None else ''}layer",
            where=f"option {option}",
            found=repr(layer),
            allowed=", ".join(map(repr, _nearest(plan, layer))) + ", ...",
            try_="name a node, a tensor, or a pattern such as '/head/*'; '*' means all",
        )
    return found


def _check_int16(plan: Plan, layer: str) -> None:
    """Refuse a name, not a pattern, that means an operator without an int16 kernel."""
    found = find_nodes(plan, layer, "int16")
    if all(layer in _names(plan, i) and _is_int8_only(plan, i) for i in found):
        operator = plan.graph.nodes[found[0]].op_type
        raise EspdlError(
            "the operator has no int16 kernel",
            where=f"option int16, layer {layer!r}",
            found=f"{operator}: {INT8_ONLY[operator]}",
            allowed="operators other than " + ", ".join(INT8_ONLY),
            try_="leave it out: it reads and gives int8 between int16 layers",
        )


def _nearest(plan: Plan, layer: str) -> list[str]:
    """The three names most like `layer`, or of which a part is: exporters join many to one."""

    def likeness(name: str) -> float:
        parts = (name, *re.split("[/;:]", name))
        return max(difflib.SequenceMatcher(None, layer, part).ratio() for part in parts)

    known = dict.fromkeys(name for index in plan.rules for name in _names(plan, index))
    return sorted(known, key=likeness, reverse=True)[:3]


def _names(plan: Plan, index: int) -> Iterator[str]:
    node = plan.graph.nodes[index]
    return (name for name in (node.name, *node.output) if name)


def name_of(plan: Plan, index: int) -> str:
    """What the user calls a node: its name, or its output where it has none."""
    return next(_names(plan, index))


def _is_int8_only(plan: Plan, index: int) -> bool:
    return plan.graph.nodes[index].op_type in INT8_ONLY


def widen_nodes(plan: Plan, asked: Iterable[int]) -> Plan:
    """Return the plan in which the nodes `asked`, and what follows from them, are int16."""
    readers = _readers(plan)
    asked = _with_borders(plan, set(asked), readers) | plan.only_wide
    chosen = {head_of(plan, index) for index in asked}
    inputs = {
        name
        for name in plan.tensors()
        if ((maker := plan.graph.producer(name)) is None or not plan.makes_integers(maker))
        and all(head_of(plan, index) in chosen for index in readers[name])
        and (
            readers[name]
            or asked.issuperset(i for i in plan.graph.consumers(name) if i in plan.rules)
        )
    }
    if plan.input_bits is not None:
        inputs -= {*plan.graph.inputs}
        inputs |= _network_inputs(plan) if plan.input_bits == 16 else set()
    wide: set[int] = set()
    forced = {head_of(plan, index) for index in plan.only_wide}
    result = replace(plan, wide=frozenset(), wide_inputs=frozenset(inputs))
    for index, rule in plan.rules.items():  # in the order of the graph: makers before readers
        source = plan.graph.nodes[index].input[0]
        if any(name in plan.inner for name in plan.graph.nodes[index].input):
            follows = head_of(plan, index) in wide
        elif _is_int8_only(plan, index):
            follows = False
        elif rule.kind in _FOLLOW and not plan.graph.is_constant(source):
            source_bits = replace(result, wide=frozenset(wide)).tensor_bits(source)
            follows = source_bits == 16 or head_of(plan, index) in forced
        else:
            follows = index in chosen
        if follows:
            wide.add(index)
    return replace(result, wide=frozenset(wide))


def _with_borders(plan: Plan, asked: set[int], readers: Mapping[str, set[int]]) -> set[int]:
    """The nodes that compute in int16, by what was asked for of inputs and outputs besides."""
    if plan.input_bits == 16:
        asked = asked.union(*(readers[name] for name in _network_inputs(plan)))
    if plan.output_bits is not None:
        outputs = (name for name in plan.graph.outputs if plan.is_integer(name))
        makers = {index for name in outputs for index in makers_of(name, plan)}
        if plan.output_bits == 16:
            return asked | makers
        return {index for index in asked if head_of(plan, index) not in makers}
    return asked


def _network_inputs(plan: Plan) -> set[str]:
    return {name for name in plan.tensors() if name in plan.graph.inputs} - plan.cells


def makers_of(name: str, plan: Plan) -> Iterator[int]:
    """What computes a tensor, through operators that only move or select values."""
    maker = plan.graph.producer(name)
    if maker is None or maker not in plan.rules:
        return
    if plan.rules[maker].kind in _MOVE and not is_inside(plan, maker):
        yield from makers_of(plan.graph.nodes[maker].input[0], plan)
    elif head_of(plan, maker) in choosable(plan):
        yield head_of(plan, maker)


def check_widths(plan: Plan) -> None:
    """Refuse a width of inputs or outputs that they cannot have: EspdlError, naming one."""
    outputs = [name for name in plan.graph.outputs if plan.is_integer(name)]
    for option, bits, names in (
        ("input_bits", plan.input_bits, sorted(_network_inputs(plan))),
        ("output_bits", plan.output_bits, [n for n in outputs if n not in plan.cells]),
    ):
        for name in names:
            if bits is not None and plan.tensor_bits(name) != bits:
                maker = plan.graph.maker(name)
                kind = "the network's input" if maker is None else maker.op_type
                raise EspdlError(
                    "the tensor cannot have that width",
                    where=f"option {option}, tensor {name!r}",
                    found=f"{kind} in int{plan.tensor_bits(name)}",
                    allowed=f"{plan.tensor_bits(name)}",
                    try_=f"leave {option} out",
                )


def head_of(plan: Plan, index: int) -> int:
    """The first node of the kernel that computes node `index`."""
    for name in plan.graph.nodes[index].input:
        maker = plan.graph.producer(name)
        if name in plan.inner and maker is not None:
            return head_of(plan, maker)
    return index


def is_inside(plan: Plan, index: int) -> bool:
    """Whether a kernel that begins with another node computes node `index`."""
    return head_of(plan, index) != index


def choosable(plan: Plan) -> list[int]:
    """The nodes whose width can be chosen: first nodes of kernels that compute, not only move."""
    return [
        index
        for index, rule in plan.rules.items()
        if rule.kind not in _FOLLOW
        and not is_inside(plan, index)
        and not _is_int8_only(plan, index)
    ]


def borders(plan: Plan) -> Iterator[tuple[int, int, str]]:
    """Inputs that are brought to another width: node, position, and the tensor that is read."""
    for index in plan.rules:
        for place, name in plan.operands(index):
            constant = plan.graph.is_constant(name) or name in plan.inner
            if not constant and plan.tensor_bits(name) != plan.operand_bits(index, place):
                yield index, place, name


def _readers(plan: Plan) -> dict[str, set[int]]:
    """The nodes that compute with each activation, also when moved or selected in between."""
    found: dict[str, set[int]] = {name: set() for name in plan.tensors()}
    for name in reversed(plan.tensors()):
        for index in plan.graph.consumers(name):
            if index not in plan.rules:
                continue
            follows = plan.rules[index].kind in _MOVE and not _is_int8_only(plan, index)
            if not follows:
                found[name].add(index)
            for output in plan.graph.nodes[index].output:
                if follows:
                    found[name] |= found.get(output, set())
    return found
