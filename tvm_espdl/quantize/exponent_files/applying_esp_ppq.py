"""Gives a float network the exponents that ESP-PPQ chose.

Its networks are not quite ours: it rewrites nodes in another way, and names what it adds. Must
never be silent about an exponent that it could not keep.
"""

from __future__ import annotations

from dataclasses import replace

from onnx import ModelProto

from ...chips import Chip
from ...onnx_graphs.rewriting import opset_of
from ..assignment import constant_range
from ..exponents import Integers, smallest_exponent
from ..plan import Plan
from ..precision import head_of, widen_nodes
from ..quantization import OPSET_OF_INT16
from ..recurrent import has_layers
from ..settled_exponents import Assignment
from ..sharing import Member, Sharing, share_exponents
from .applied import (
    SHOWN,
    Applied,
    channel_count,
    integers_of,
    missing,
    network_of,
    plan_of,
    settled,
    unknown,
)
from .esp_ppq import EspPpqExponents

_REASON = "ESP-PPQ left it float"


def apply_esp_ppq(
    given: EspPpqExponents, prepared: ModelProto, chip: Chip, *, per_channel: bool
) -> Applied:
    """The network with ESP-PPQ's exponents; weights and biases are rounded to the nearest.

    `prepared` is the float network, preprocessed, and left as it is. Raises DataError if the file
    does not say the exponent of a tensor, or is of another network.
    """
    wide = {name for name, held in given.tensors.items() if held.bits == 16}
    opset = opset_of(prepared)
    if wide or has_layers(prepared):
        opset = max(opset, OPSET_OF_INT16)
    model = network_of(prepared, opset, given.file)
    first = plan_of(model, {})
    floats = {first.graph.producer(name) for name in given.floats} & first.rules.keys()
    plan = plan_of(model, dict.fromkeys((i for i in floats if i is not None), _REASON))
    plan = _widened(plan, wide)
    sharing = share_exponents(plan)
    if not any(name in given.tensors for name in plan.tensors()):
        raise unknown("tensor", next(iter(given.tensors), ""), plan.tensors(), given.file)
    group = _groups(given, plan, sharing)
    weights = _weights(given, plan, per_channel=per_channel)
    assignment = settled(plan, sharing, group, weights, chip, per_channel=per_channel)
    return Applied(model, plan, assignment, notes=tuple(_notes(given, plan, assignment)))


def known_exponents(given: EspPpqExponents) -> dict[str, dict[int, int]]:
    """The exponent of each tensor at each width of integers, for a quantization by data."""
    return {
        name: {bits: held.exponent + held.bits - bits for bits in (8, 16)}
        for name, held in given.tensors.items()
    }


def _widened(plan: Plan, wide: set[str]) -> Plan:
    makers = {plan.graph.producer(name) for name in wide} & plan.rules.keys()
    found = widen_nodes(plan, [head_of(plan, i) for i in makers if i is not None])
    inputs = {n for n in wide if n in plan.graph.inputs and n not in plan.cells}
    return replace(found, wide_inputs=found.wide_inputs | inputs)


def _groups(given: EspPpqExponents, plan: Plan, sharing: Sharing) -> dict[Member, int]:
    group: dict[Member, int] = {}
    lacking = []
    for root, members in sharing.groups.all().items():
        found = [
            given.tensors[name].exponent + given.tensors[name].bits - bits
            for member in members
            for name, bits in [_read(member, plan)]
            if name in given.tensors
        ]
        names = [member for member in members if isinstance(member, str)]
        fixed = [sharing.fixed[member] for member in members if member in sharing.fixed]
        if fixed or found:
            group[root] = fixed[0] if fixed else max(found)
        elif names:
            lacking.append(names[0])
        else:
            group[root] = max(_smallest(member, plan) for member in members)
    if lacking:
        raise missing(
            "tensor",
            lacking,
            given.file,
            "give calibration data (--calibrate_dataset): they say what the file leaves open",
        )
    return group


def _read(member: Member, plan: Plan) -> tuple[str, int]:
    if isinstance(member, str):
        return member, plan.tensor_bits(member)
    return plan.graph.nodes[member[0]].input[member[1]], plan.operand_bits(*member)


def _smallest(member: Member, plan: Plan) -> int:
    name, bits = _read(member, plan)
    seen = constant_range(plan.graph.constant(name))
    return smallest_exponent(seen.low, seen.high, bits, "half_even")


def _weights(given: EspPpqExponents, plan: Plan, *, per_channel: bool) -> dict[int, Integers]:
    found: dict[int, Integers] = {}
    for layer in plan.layers():
        count = channel_count(plan, layer.node) if per_channel else 1
        if layer.weight in given.tensors:
            found[layer.node] = integers_of([given.tensors[layer.weight].exponent] * count)
        elif len(given.channels.get(layer.weight, ())) == count:
            found[layer.node] = integers_of(given.channels[layer.weight])
    return found


def _notes(given: EspPpqExponents, plan: Plan, assignment: Assignment) -> list[str]:
    """What differs from the file."""
    changed = [
        f"{name} ({held.exponent} became {assignment.tensors[name]})"
        for name, held in given.tensors.items()
        if name in assignment.tensors
        and held.exponent + held.bits - plan.tensor_bits(name) != assignment.tensors[name]
    ]
    own = [
        layer.weight
        for layer in plan.layers()
        if layer.weight not in given.tensors and layer.weight not in given.channels
    ]
    texts = (
        (changed, "exponents that the chip's kernels do not have beside the others"),
        (own, "weights that the file does not name, at exponents at which none saturates"),
    )
    return [f"{what}: {_listed(names)}" for names, what in texts if names]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
