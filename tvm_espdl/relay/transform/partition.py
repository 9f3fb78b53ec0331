"""Finds the operators of ESP-DL in a canonical module and makes each a composite with its record.

What a pattern finds but the chip refuses is written down with the reason and left to TVM.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relax
from tvm.relax.backend.pattern_registry import get_patterns_with_prefix

from ...chips import Chip
from ...ops import Operator
from ...report.log import PartitionLog
from .. import qdq
from ..ir import (
    attributes,
    bindings_of,
    is_added,
    is_plain_dataflow,
    main_of,
    name_of,
    op_name,
    values_of,
)
from ..patterns import PREFIX, Match, Pattern, composite_name, table
from ..patterns.admission import admit, deciding
from ..patterns.needs import needed_operators

RECORD = "espdl.record"
CHIP = "espdl.chip"
PATTERN = "espdl.pattern"
COVERS = "espdl.covers"


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
        Receives what was refused, and warnings about what was taken.
    without : sequence of str
        Names of operators that are not looked for.

    Returns
    -------
    tvm.IRModule
        Composites have the attributes `Composite`, `espdl.record` (JSON), `espdl.tensor` (the
        model's name of the result) and `espdl.chip`.
    """
    log = PartitionLog() if log is None else log
    with deciding(chip, log):
        left_out = {composite_name(operator) for operator in without}
        patterns = [p for p in _possible_patterns(mod) if p.name not in left_out]
        fused = relax.transform.FuseOpsByPattern(patterns, bind_constants=True)(mod)
    return _with_records(fused, chip, log)


def _possible_patterns(mod: tvm.IRModule) -> list[Any]:
    """The patterns of the table but for those whose operators the network does not have."""
    patterns: list[Any] = get_patterns_with_prefix(PREFIX)
    if not is_plain_dataflow(main_of(mod)):
        return patterns
    open_functions = [f for f in mod.functions.values() if not is_composite(f)]
    if len(open_functions) != 1:
        return patterns
    present = {op_name(binding.value) for binding in bindings_of(main_of(mod))}
    return [p for p in patterns if needed_operators(p.pattern) <= present]


def covered(function: Any) -> list[str]:
    """The model's names of all tensors that a composite computes on its way."""
    calls = [b.value for b in bindings_of(function) if op_name(b.value) != qdq.DEQUANTIZE]
    return [name_of(call) for call in calls if name_of(call) and not is_added(call)]


def is_composite(function: Any) -> bool:
    """Whether a function is one of our composites."""
    attrs = function.attrs
    return attrs is not None and str(attrs.get("Composite", "")).startswith(PREFIX)


def _with_records(mod: tvm.IRModule, chip: Chip, log: PartitionLog) -> tvm.IRModule:
    result = tvm.IRModule(dict(mod.functions), attrs=mod.attrs)
    for variable, function in mod.functions.items():
        if not is_composite(function) or RECORD in attributes(function):
            continue
        entry, match = matched(function)
        record = admit(entry, match, chip)
        if not isinstance(record, Operator):
            raise RuntimeError(f"{variable.name_hint} was accepted and then refused: {record}")
        if warning := entry.warn(match, chip):
            log.warnings[match.name] = warning
        name = composite_name(record.name)
        result[variable] = function.with_attrs(
            {
                "Composite": name,
                PATTERN: composite_name(entry.operator),
                RECORD: record.to_json(),
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
