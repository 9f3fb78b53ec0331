"""Judges what the patterns match: taken by the chip, or refused with the reason, in a log.

It hands the pattern table to TVM's registry, whose passes call back here for every match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from tvm.relax.backend.pattern_registry import get_patterns_with_prefix, register_patterns

from ...chips import Chip
from ...ops import Operator, Refusal
from ...ops.form_rule import FormRule
from ..ir import name_of
from . import PREFIX, composite_name, table
from .match import Match, Pattern

TENSOR = "espdl.tensor"  # attribute of a composite: the model's name of its result
_ROOT = "root of the pattern"  # no pattern calls a role of its own like this

ACTIVATION_HAS_ONE_EXPONENT = FormRule(
    "activation_has_one_exponent",
    (),
    "An activation has one exponent for all of its channels.",
    "one exponent",
    "quantize activations per tensor",
)
IS_A_QUANTIZED_FORM = FormRule(
    "is_a_quantized_form",
    (),
    "A node runs on ESP-DL where it is an operator of docs/operators.md, its inputs are "
    "dequantized and its result is quantized.",
    "one of these operators between DequantizeLinear and QuantizeLinear",
    "quantize the inputs and the result, or use one of these operators",
)


@dataclass(frozen=True)
class Refused:
    """An operator that ESP-DL has and this chip cannot run.

    Attributes
    ----------
    tensor : str
        The model's name of the operator's result.
    operator : str
        Name of the operator.
    refusals : tuple of Refusal
        Why.
    """

    tensor: str
    operator: str
    refusals: tuple[Refusal, ...]


@dataclass
class PartitionLog:
    """What the partitioning of one module refused, in the order it was met, and its warnings.

    Attributes
    ----------
    refused : dict
        By tensor and operator.
    warnings : dict of str to str
        What users should know of operators that were taken, by the model's name of their result.
    """

    refused: dict[tuple[str, str], Refused] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)

    def add(self, tensor: str, operator: str, refusals: list[Refusal]) -> None:
        """Write down a refusal; the same one is met more than once while patterns are tried."""
        self.refused.setdefault((tensor, operator), Refused(tensor, operator, tuple(refusals)))


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
