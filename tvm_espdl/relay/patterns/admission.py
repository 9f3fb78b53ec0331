"""Judges what the patterns match: taken by the chip, or refused with the reason, in a log.

It hands the pattern table to TVM's registry, whose passes call back here for every match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tvm.relax.backend.pattern_registry import get_patterns_with_prefix, register_patterns

from ...chips import Chip
from ...ops import Operator, Refusal
from ...report.log import ACTIVATION_HAS_ONE_EXPONENT, PartitionLog
from ..ir import name_of
from . import PREFIX, composite_name, table
from .match import Match, Pattern

TENSOR = "espdl.tensor"  # attribute of a composite: the model's name of its result
_ROOT = "root of the pattern"  # no pattern calls a role of its own like this


_chip: ContextVar[Chip] = ContextVar("chip")
_log: ContextVar[PartitionLog] = ContextVar("log")


@contextmanager
def deciding(chip: Chip, log: PartitionLog) -> Iterator[None]:
    """Have matches judged for a chip, and refusals written into a log, inside a `with` block."""
    tokens = _chip.set(chip), _log.set(log)
    try:
        yield
    finally:
        _chip.reset(tokens[0])
        _log.reset(tokens[1])


def register() -> None:
    """Put the pattern table into TVM's registry, once."""
    if get_patterns_with_prefix(PREFIX):
        return
    register_patterns(
        [
            (
                *(composite_name(entry.operator), entry.pattern),
                *({**entry.roles, _ROOT: entry.pattern}, _check(entry), _attributes),
            )
            for entry in table()
        ]
    )


def _attributes(annotated: Mapping[str, Any]) -> dict[str, str]:
    """What tells composites apart: TVM makes one function of all that are equal but for names."""
    return {TENSOR: name_of(annotated[_ROOT])}


def _check(entry: Pattern) -> Callable[[Any], bool]:
    def check(context: Any) -> bool:
        match = Match(context.annotated_expr, context.matched_expr, context.matched_bindings)
        if not entry.applies(match):
            return False
        result = admit(entry, match, _chip.get())
        if isinstance(result, Operator):
            return True
        _log.get().add(match.name, entry.operator, result)
        return False

    return check


def admit(entry: Pattern, match: Match, chip: Chip) -> Operator | list[Refusal]:
    """The record of a match, or why the chip does not run it."""
    refusals = [r for role in entry.inputs for r in _shared_exponent(role, match)]
    if refusals:
        return refusals
    operator = entry.build(match)
    if isinstance(operator, Refusal):
        return [operator]
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
