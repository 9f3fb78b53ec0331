"""Judges what the patterns match: taken by the chip, or refused with the reason, in a log.

TVM's passes call back here for every match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from tvm.relax import DataflowVar
from tvm.relax.transform import FusionPattern

from ...chips import Chip
from ...ops import Operator, Refusal
from ...report.log import (
    ACTIVATION_HAS_ONE_EXPONENT,
    RESULT_IS_ONLY_QUANTIZED,
    TENSORS_HAVE_ELEMENTS,
    PartitionLog,
)
from ..ir import name_of
from . import composite_name, table
from .match import Match, Pattern

TENSOR = "espdl.tensor"  # attribute of a composite: the model's name of its result
TAKEN = "espdl.taken"  # attribute of a composite: the number of what was admitted
_ROOT = "root of the pattern"  # no pattern calls a role of its own like this


@dataclass(frozen=True, eq=False)
class Admitted:
    """A match that a chip runs; `root` is its outermost call."""

    entry: Pattern
    record: Operator
    root: Any


@dataclass
class Decision:
    """For which chip matches are judged, and where the judgements are written down.

    `log` receives refusals; `admitted` what becomes a composite, by the number that it bears, from
    `first` on; `last` whatever matched, in that order.
    """

    chip: Chip
    log: PartitionLog
    first: int
    admitted: dict[int, Admitted] = field(default_factory=dict)
    last: list[Admitted] = field(default_factory=list)

    def number(self, root: Any) -> int:
        """The number of the match that was admitted last at a root."""
        found = next(one for one in reversed(self.last) if one.root.same_as(root))
        number = self.first + len(self.admitted)
        self.admitted[number] = found
        return number


_decision: ContextVar[Decision] = ContextVar("decision")


@contextmanager
def deciding(decision: Decision) -> Iterator[None]:
    """Have matches judged inside a `with` block."""
    token = _decision.set(decision)
    try:
        yield
    finally:
        _decision.reset(token)


@cache
def fusions() -> dict[str, FusionPattern]:
    """The table as TVM's passes want it, by the entries' names; the highest priority first."""
    return {
        entry.name: FusionPattern(
            composite_name(entry.operator),
            entry.pattern,
            {**entry.roles, _ROOT: entry.pattern},
            partial(_check, entry),
            _attributes,
        )
        for entry in reversed(table())
    }


def _attributes(annotated: Mapping[str, Any]) -> dict[str, Any]:
    """What tells composites apart: TVM makes one function of all that are equal but for names."""
    root = annotated[_ROOT]
    return {TENSOR: name_of(root), TAKEN: _decision.get().number(root)}


def _check(entry: Pattern, context: Any) -> bool:
    match = Match(context.annotated_expr, context.matched_expr, context.matched_bindings)
    if not entry.applies(match):
        return False
    decision = _decision.get()
    result = admit(entry, match, decision.chip)
    if isinstance(result, Operator) and _escapes(match, context):
        result = [RESULT_IS_ONLY_QUANTIZED.refused("others that read it as well")]
    if isinstance(result, Operator):
        decision.last.append(Admitted(entry, result, match.root))
        return True
    decision.log.add(match.name, entry.operator, result)
    return False


def _escapes(match: Match, context: Any) -> bool:
    """Whether a value on the way to the result is read by others: no composite can give it."""
    inner = dict(context.matched_bindings.items())
    return any(
        not value.same_as(match.root)
        and (
            not isinstance(variable, DataflowVar)
            or any(reader not in inner for reader in context.var_usages.get(variable, ()))
        )
        for variable, value in inner.items()
    )


def admit(entry: Pattern, match: Match, chip: Chip) -> Operator | list[Refusal]:
    """The record of a match, or why the chip does not run it."""
    refusals = [r for role in entry.inputs for r in _shared_exponent(role, match)]
    if refusals:
        return refusals
    operator = entry.build(match)
    if isinstance(operator, Refusal):
        return [operator]
    tensors = (*operator.inputs, *operator.constants, operator.output)
    if empty := [tensor.shape for tensor in tensors if tensor.size == 0]:
        return [TENSORS_HAVE_ELEMENTS.refused(f"shape {empty[0]}")]
    return operator.refusals(chip) or operator


def _shared_exponent(role: str, match: Match) -> list[Refusal]:
    tensors = [match.output]
    if match[role] is not match.root and match[role].op.name == "relax.dequantize":
        tensors.append(match.tensor(role))
    return [
        ACTIVATION_HAS_ONE_EXPONENT.refused(f"{len(tensor.exponent)} exponents")
        for tensor in tensors
        if isinstance(tensor.exponent, tuple)
    ]
