"""Finds the operators of ESP-DL in a canonical module, and keeps the record of each.

What a pattern finds but the chip refuses is written down with the reason and left to TVM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import tvm
from tvm import relax

from ...chips import Chip
from ...ops import Operator
from ...report.log import PartitionLog
from .. import qdq
from ..ir import attributes, bindings_of, is_added, main_of, name_of, op_name, values_of
from ..patterns import PREFIX, Match, Pattern, table
from ..patterns.admission import TAKEN, Admitted, Decision, deciding, fusions
from ..patterns.dataflow import needed_operators


@dataclass(frozen=True, eq=False)
class Taken:
    """An operator that was found: what the composite function of its calls stands for.

    `record` is in the layout that `Pattern.build` says; `covers` are the model's names of all
    tensors that the operator computes on its way.
    """

    entry: Pattern
    match: Match
    record: Operator
    covers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Partition:
    """A module whose operators are composite functions.

    Each composite has the attributes `Composite`, `espdl.tensor` (the model's name of the result)
    and `espdl.taken`, its number in `taken`.
    """

    mod: tvm.IRModule
    taken: Mapping[int, Taken] = field(default_factory=dict)


def partition(
    before: Partition | tvm.IRModule,
    chip: Chip,
    log: PartitionLog | None = None,
    *,
    without: Sequence[str] = (),
) -> Partition:
    """Make every operator that the chip runs a private composite function.

    Parameters
    ----------
    before : Partition or tvm.IRModule
        Canonical; the composites of an earlier partition are kept.
    log : PartitionLog, optional
        Receives what was refused, and warnings about what was taken.
    without : sequence of str
        Names of operators that are not looked for.
    """
    before = before if isinstance(before, Partition) else Partition(before)
    log = PartitionLog() if log is None else log
    decision = Decision(chip, log, len(before.taken))
    with deciding(decision):
        names = [e.name for e in _possible(before.mod) if e.operator not in without]
        patterns = [fusion for name, fusion in fusions().items() if name in names]
        fused = relax.transform.FuseOpsByPattern(patterns, bind_constants=True)(before.mod)
    taken = dict(before.taken)
    for function in fused.functions.values():
        number = number_of(function)
        if number is not None and number not in taken:
            taken[number] = _taken(function, decision.admitted[number])
            if warning := taken[number].entry.warn(taken[number].match, chip):
                log.warnings[taken[number].match.name] = warning
    return Partition(fused, taken)


def _possible(mod: tvm.IRModule) -> tuple[Pattern, ...]:
    """The entries of the table but for those whose operators the network does not have."""
    if sum(not is_composite(function) for function in mod.functions.values()) != 1:
        return table()
    present = {op_name(binding.value) for binding in bindings_of(main_of(mod))}
    return tuple(entry for entry, needs in _needs() if needs <= present)


@cache
def _needs() -> tuple[tuple[Pattern, frozenset[str]], ...]:
    """The entries of the table, each with the operators that it cannot do without."""
    return tuple((entry, needed_operators(entry.pattern)) for entry in table())


def is_composite(function: tvm.ir.BaseFunc) -> bool:
    """Whether a function is one of our composites."""
    return str(attributes(function).get("Composite", "")).startswith(PREFIX)


def number_of(function: tvm.ir.BaseFunc) -> int | None:
    """The number of a composite in `Partition.taken`; None for other functions."""
    number = attributes(function).get(TAKEN)
    return None if number is None else int(number)


def _taken(function: relax.Function, admitted: Admitted) -> Taken:
    """The operator of a composite: its match again, of the expressions of the function's body."""
    values = values_of(function)
    match = admitted.entry.extract(values.get(function.body.body, function.body.body), values)
    if match is None:
        raise RuntimeError(f"{admitted.entry.name} does not match the function it made")
    calls = [b.value for b in bindings_of(function) if op_name(b.value) != qdq.DEQUANTIZE]
    names = (name_of(call) for call in calls if not is_added(call))
    return Taken(admitted.entry, match, admitted.record, tuple(name for name in names if name))
