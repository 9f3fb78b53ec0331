"""Finds the operators of ESP-DL in a canonical module and makes each a composite with its record.

What a pattern finds but the chip refuses is written down with the reason and left to TVM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import tvm
from tvm import relax
from tvm.relax.backend.pattern_registry import get_patterns_with_prefix, register_patterns

from ...chips import Chip
from ...ops import Operator, Refusal
from .. import qdq
from ..ir import attributes, bindings_of, is_added, name_of, op_name, values_of
from ..patterns import PREFIX, Match, Pattern, composite_name, table

RECORD = "espdl.record"
TENSOR = "espdl.tensor"
CHIP = "espdl.chip"
PATTERN = "espdl.pattern"
COVERS = "espdl.covers"


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
    """What the partitioning of one module refused, in the order it was met."""

    refused: dict[tuple[str, str], Refused] = field(default_factory=dict)

    def add(self, tensor: str, operator: str, refusals: list[Refusal]) -> None:
        """Write down a refusal; the same one is met more than once while patterns are tried."""
        self.refused.setdefault((tensor, operator), Refused(tensor, operator, tuple(refusals)))


_chip: ContextVar[Chip] = ContextVar("chip")
_log: ContextVar[PartitionLog] = ContextVar("log")


def partition(
    mod: tvm.IRModule,
    chip: Chip,
    log: PartitionLog | None = None,
    *,
    without: Sequence[str] = (),
) -> tvm.IRModule:
    """Make every operator that the chip runs a private composite function with its record.

    Parameters
    ----------
    mod : tvm.IRModule
        Canonical; composites of an earlier run are kept.
    log : PartitionLog, optional
        Receives what was refused.
    without : sequence of str
        Names of operators that are not looked for.

    Returns
    -------
    tvm.IRModule
        Composites have the attributes `Composite`, `espdl.record` (JSON), `espdl.tensor` (the
        model's name of the result) and `espdl.chip`.
    """
    with _context(chip, log or PartitionLog()):
        left_out = {composite_name(operator) for operator in without}
        patterns = [p for p in get_patterns_with_prefix(PREFIX) if p.name not in left_out]
        fused = relax.transform.FuseOpsByPattern(patterns, bind_constants=True)(mod)
    return _with_records(fused, chip)


@contextmanager
def _context(chip: Chip, log: PartitionLog) -> Iterator[None]:
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
            (composite_name(entry.operator), entry.pattern, entry.roles, _check(entry))
            for entry in table()
        ]
    )


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
        Refusal(
            "activation_has_one_exponent",
            "An activation has one exponent for all of its channels.",
            f"{len(tensor.exponent)} exponents",
            "one exponent",
            "quantize activations per tensor",
        )
        for tensor in tensors
        if isinstance(tensor.exponent, tuple)
    ]


def covered(function: Any) -> list[str]:
    """The model's names of all tensors that a composite computes on its way."""
    calls = [b.value for b in bindings_of(function) if op_name(b.value) != qdq.DEQUANTIZE]
    return [name_of(call) for call in calls if name_of(call) and not is_added(call)]


def is_composite(function: Any) -> bool:
    """Whether a function is one of our composites."""
    return str(attributes(function).get("Composite", "")).startswith(PREFIX)


def _with_records(mod: tvm.IRModule, chip: Chip) -> tvm.IRModule:
    result = tvm.IRModule(dict(mod.functions), attrs=mod.attrs)
    for variable, function in mod.functions.items():
        if not is_composite(function) or RECORD in attributes(function):
            continue
        entry, match = matched(function)
        record = admit(entry, match, chip)
        if not isinstance(record, Operator):
            raise RuntimeError(f"{variable.name_hint} was accepted and then refused: {record}")
        name = composite_name(record.name)
        result[variable] = function.with_attrs(
            {
                "Composite": name,
                PATTERN: composite_name(entry.operator),
                RECORD: record.to_json(),
                TENSOR: match.name,
                CHIP: chip.name,
                COVERS: covered(function),
            }
        )
    return result


def matched(function: Any) -> tuple[Pattern, Match]:
    """The table entry that a composite function was made by, and its match."""
    values = values_of(function)
    root = values.get(function.body.body, function.body.body)
    attrs = attributes(function)
    name = str(attrs.get(PATTERN, attrs["Composite"]))
    for entry in reversed(table()):
        if composite_name(entry.operator) == name:
            match = entry.extract(root, values)
            if match is not None:
                return entry, match
    raise RuntimeError(f"no pattern of {name} matches the function it made")
