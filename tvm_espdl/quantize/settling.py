"""Changes a plan where the exponents that its tensors ask for cannot be computed, or cost too much.

A tensor beyond every exponent keeps the operators around it float; a Softmax that would overflow in
int8 computes in int16; an operand that needs a coarser exponent than the others of a sum is
requantized to theirs; parts of a last Concat that no shared exponent suits leave it float. Must
never undo what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from ..ops.softmax import LARGEST_EXPONENT
from .assignment import SOFTMAXES, Assigner
from .calibration import TensorRange
from .exponents import HIGHEST_EXPONENT, smallest_exponent
from .methods import DEPTH
from .methods.mse import mse
from .plan import Operand, Plan, make_plan
from .precision import choosable, makers_of, widen_nodes
from .settled_exponents import Assignment
from .workbench import Workbench

#: Noise that a part of a Concat has to gain by an exponent of its own, as a ratio, and the noise
#: over signal that it must have without: what is below that disturbs nobody.
LEAST_GAIN, LEAST_NOISE = 8.0, 1e-6


def settle(bench: Workbench) -> Workbench:
    """The workbench of a plan that can be computed."""
    while True:
        assignment = bench.assigner.assign({})
        changes = (change(bench, assignment) for change in _CHANGES)
        plan = next((plan for plan in changes if plan is not None), None)
        if plan is None:
            return bench
        bench = bench.with_plan(plan)


def with_floats(plan: Plan, nodes: dict[int, str]) -> Plan:
    """The plan in which some more nodes stay float, for the reasons given."""
    kept = {**nodes, **plan.kept_float}
    new = make_plan(plan.graph, kept)
    wide = [index for index in choosable(plan) if index in plan.wide and index in new.rules]
    new = replace(
        new,
        kept_int8=plan.kept_int8,
        input_bits=plan.input_bits,
        output_bits=plan.output_bits,
        only_wide=frozenset(index for index in plan.only_wide if index in new.rules),
        masked=frozenset(index for index in plan.masked if index in new.rules),
        apart=frozenset(operand for operand in plan.apart if operand[0] in new.rules),
    )
    return widen_nodes(new, wide)


def _beyond(bench: Workbench, assignment: Assignment) -> Plan | None:
    """Float around tensors and constants that no exponent fits."""
    plan, ranges = bench.plan, bench.assigner.ranges
    large = {name for name, e in assignment.tensors.items() if e > HIGHEST_EXPONENT}
    own = {
        name
        for name in large
        if smallest_exponent(
            ranges[name].low, ranges[name].high, plan.tensor_bits(name), bench.chip.rounding
        )
        > HIGHEST_EXPONENT
    }
    nodes: dict[int, str] = {}
    for name in own or large:
        seen = ranges[name]
        why = f"{name} reaches from {seen.low:.3g} to {seen.high:.3g}, beyond every exponent"
        nodes |= dict.fromkeys(_around(name, plan), why)
    for (index, place), exponent in assignment.constants.items():
        if exponent > HIGHEST_EXPONENT and not large:
            why = f"{plan.graph.nodes[index].input[place]} is beyond every exponent"
            nodes[index] = why
    found = with_floats(plan, nodes) if nodes else plan
    return found if nodes and found.rules else None  # a network of nothing else is refused


def _around(name: str, plan: Plan) -> Iterator[int]:
    """The quantized nodes that make a tensor or read it as data."""
    for index in plan.rules:
        made = name in plan.graph.nodes[index].output
        if made or any(read == name for _, read in plan.operands(index)):
            yield from _with_inner(index, plan)


def _with_inner(index: int, plan: Plan) -> Iterator[int]:
    """A node and those that the same kernel computes before it."""
    yield index
    for name in plan.graph.nodes[index].input:
        maker = plan.graph.producer(name)
        if name in plan.inner and maker is not None:
            yield from _with_inner(maker, plan)


def _overflowing(bench: Workbench, assignment: Assignment) -> Plan | None:
    """Int16 for Softmaxes whose exponentials would overflow or vanish, and for what makes them."""
    plan = bench.plan
    nodes = {
        index
        for index in plan.rules
        if plan.graph.nodes[index].op_type in SOFTMAXES
        and plan.bits(index) == 8
        and assignment.input_exponent(plan, index) > LARGEST_EXPONENT
    }
    if not nodes:
        return None
    # Steps of 1 and more in what an exponential is taken of are too coarse, whatever their width.
    makers = {i for node in nodes for i in makers_of(plan.graph.nodes[node].input[0], plan)}
    forced = replace(plan, only_wide=plan.only_wide | nodes | makers)
    return widen_nodes(forced, [i for i in choosable(plan) if i in plan.wide])


def _raised(bench: Workbench, assignment: Assignment) -> Plan | None:
    """A requantize for operands whose makers need a coarser exponent than suits the others."""
    plan, assigner = bench.plan, bench.assigner
    found: set[Operand] = set()
    products = [(layer.output, layer.node) for layer in plan.layers()]
    products += [(plan.kernel_output(i), i) for i, r in plan.rules.items() if r.kind == "product"]
    for output, _ in products:
        if assignment.tensors[output] > assigner.chosen(output):
            found |= set(_joined_operands(output, assigner))
    found -= plan.apart
    return replace(plan, apart=plan.apart | found) if found else None


def _joined_operands(name: str, assigner: Assigner) -> Iterator[Operand]:
    """Where a tensor, or what it is moved to, joins the exponent of a result with others."""
    plan = assigner.plan
    for reader in plan.graph.consumers(name):
        if reader not in plan.rules:
            continue
        kind = plan.rules[reader].kind
        if kind in ("share", "clip"):
            for output in plan.graph.nodes[reader].output:
                yield from _joined_operands(output, assigner)
        elif kind == "align" and len(list(plan.operands(reader))) > 1:
            for place, read in plan.operands(reader):
                joins = assigner.find(read) == assigner.find(plan.kernel_output(reader))
                if read == name and joins and (reader, place) not in assigner.sharing.edges:
                    yield reader, place


def _torn(bench: Workbench, assignment: Assignment) -> Plan | None:
    """Float for last Concats of parts that no shared exponent suits."""
    plan = bench.plan
    if bench.choice.exponents:
        return None  # those that are given were shared by choice
    last = _last_moves(plan)
    for index in sorted(last):
        if plan.graph.nodes[index].op_type != "Concat":
            continue
        losses = {
            name: lost
            for place, name in plan.operands(index)
            if not plan.graph.is_constant(name)
            for lost in _loss(bench.assigner.ranges[name], assignment, plan, index, bench)
        }
        if losses:
            worst = max(losses, key=lambda name: losses[name])
            why = (
                "its parts keep exponents of their own: at one for all, "
                f"{worst} would lose {10 * np.log10(losses[worst]):.0f} dB"
            )
            found = with_floats(plan, dict.fromkeys(_behind(index, plan), why))
            return found if found.rules else None
    return None


def _loss(
    seen: TensorRange, assignment: Assignment, plan: Plan, index: int, bench: Workbench
) -> Iterator[float]:
    """By what ratio the noise of a part grows at the shared exponent, where that is too much."""
    bits = plan.bits(index)
    shared = np.array([assignment.tensors[plan.graph.nodes[index].output[0]]])
    whole = smallest_exponent(seen.low, seen.high, bits, bench.chip.rounding)
    noise = float(mse(seen, shared, bits)[0])
    own = mse(seen, np.arange(whole, whole - DEPTH, -1), bits)
    least = max(float(own.min()), LEAST_NOISE / 1e3)
    if noise > LEAST_NOISE and noise > LEAST_GAIN * least:
        yield noise / least


def _last_moves(plan: Plan) -> set[int]:
    """Quantized nodes behind which nothing computes in integers: values are moved only."""
    found: set[int] = set()
    for index in sorted(plan.rules, reverse=True):
        readers: Iterable[int] = (
            r for name in plan.graph.nodes[index].output for r in plan.graph.consumers(name)
        )
        if plan.rules[index].moves and all(r in found or r not in plan.rules for r in readers):
            found.add(index)
    return found


def _behind(index: int, plan: Plan) -> Iterator[int]:
    """A node and all quantized ones that its results reach."""
    if index in plan.rules:
        yield index
        for name in plan.graph.nodes[index].output:
            for reader in plan.graph.consumers(name):
                yield from _behind(reader, plan)


_CHANGES: tuple[Callable[[Workbench, Assignment], Plan | None], ...] = (
    _beyond,
    _overflowing,
    _raised,
    _torn,
)
