"""A comparison as text and as JSON: it arranges what was found and adds nothing to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ..report.text import json_text
from .layers import Layer
from .rows import ComparisonRows, Fault, TensorRow, shown

#: Faults of one kind that are listed.
_MOST_LISTED = 8


def as_text(found: ComparisonRows) -> str:
    """Problems, counts, the first difference, and whose fault it is."""
    lines = [*found.notes, *found.problems, *map(str, found.partial)]
    if found.missing:
        lines.append(f"{len(found.missing)} tensors of the network are not in the dump")
    if found.ok and found.own_input:
        lines.append(
            "the network was fed with the dump's own input: whether that is right, the input of "
            "the application tells (--input, inputs=)"
        )
    lines.append(f"{len(found.equal)} tensors equal, {len(found.differences)} differ")
    if found.first is not None:
        lines.append(f"first difference: {found.first}")
        lines.append(f"  {_computed_by(found.first_layer)}")
        lines += _verdicts(found.faults)
    elif not found.ok:
        lines.append("not shown equal")
    lines += found.advice
    return "\n".join(map(shown, lines))


def _computed_by(layer: Layer | None) -> str:
    return "no layer computes it: the network was fed with it" if layer is None else (
        f"computed by {layer}")  # fmt: skip


def _verdicts(faults: Sequence[Fault]) -> Iterator[str]:
    culprits = [fault for fault in faults if fault.verdict == "culprit"]
    told = set()
    for fault in culprits[:_MOST_LISTED]:
        yield f"culprit: {_called(fault)}: {fault.why}"
        for one in fault.explanations:
            yield f"  it fits all values: {one.sentence} Here: {one.detail}."
            if one.name not in told:
                yield f"    try: {one.remedy}"
            told.add(one.name)
        if not fault.explanations:
            peculiar = "; what is peculiar about it:" if fault.statistics else ""
            yield f"  no known explanation fits all values{peculiar}"
            yield from (f"    {sentence}" for sentence in fault.statistics)
    if len(culprits) > _MOST_LISTED:
        yield f"culprits: {len(culprits) - _MOST_LISTED} more (--json has all)"
    unknown = [fault for fault in faults if fault.verdict == "unknown"]
    for fault in unknown[:_MOST_LISTED]:
        yield f"unknown: {_called(fault)}: {fault.why}"
        if fault.suspects:
            yield f"  it is one of: {_listed(fault.suspects)}"
    if len(unknown) > _MOST_LISTED:
        yield f"unknown: {len(unknown) - _MOST_LISTED} more (--json has all)"
    inherits = sum(fault.verdict == "inherits" for fault in faults)
    if inherits:
        yield (
            f"{inherits} of the tensors that differ only inherit it: of the board's own inputs "
            "their layers are right"
        )


def _listed(layers: Sequence[Layer]) -> str:
    """A few layers; of many the first and the last ones."""
    if len(layers) <= _MOST_LISTED:
        return "; ".join(map(str, layers))
    few = "; ".join(map(str, layers[:3]))
    return f"{few}; ... {len(layers) - 4} more ...; {layers[-1]}"


def _called(fault: Fault) -> str:
    if fault.layer is None:
        return fault.tensor
    if fault.layer.tensor == fault.tensor:
        return f"{fault.tensor}, {fault.layer}"
    return f"{fault.tensor}, {fault.layer} of {fault.layer.tensor}"


def as_json(found: ComparisonRows) -> str:
    """JSON with the comparison's own fields; null for what is not finite (an SNR of equals)."""
    return json_text(
        {
            "ok": found.ok,
            "chip": found.chip,
            "own_input": found.own_input,
            "equal": found.equal,
            "first": None if found.first is None else found.first.tensor,
            "problems": found.problems,
            "notes": found.notes,
            "missing": found.missing,
            "advice": found.advice,
            "partial": [dataclasses.asdict(part) for part in found.partial],
            "tensors": [_row(row) for row in found.rows],
        }
    )


def _row(row: TensorRow) -> dict[str, object]:
    return {**dataclasses.asdict(row), "snr_db": row.snr_db}
