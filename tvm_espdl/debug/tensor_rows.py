"""The rows of a comparison: every tensor of the network, whatever became of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..ops.base.rounding import Array
from ..program import Program
from .layers import layers_of
from .observed import Observed
from .rows import ChecksumDifference, Difference, Fault, Part, Status, TensorRow

#: Equal, different, equal as far as it goes, or why it cannot be compared.
Finding = Difference | ChecksumDifference | Part | str | None

#: Tensors whose differences a page shows: the first one, and those of culprits.
_MOST_PICTURES = 4


def rows_of(
    program: Program,
    pc: Mapping[str, Array],
    findings: Mapping[str, Finding],
    axes: Mapping[str, str],
    faults: Mapping[str, Fault],
) -> tuple[TensorRow, ...]:
    """A row for each tensor that the PC has computed: those that enter, then by the calls."""
    layer_of = {
        name: layer
        for layer, step in zip(layers_of(program), program.steps, strict=True)
        for name in step.outputs
    }
    names = sorted(pc, key=lambda name: layer_of[name].number if name in layer_of else -1)
    rows = []
    for name in names:
        tensor, finding = program.values[name], findings.get(name)
        rows.append(
            TensorRow(
                name,
                layer_of.get(name),
                tensor.dtype,
                tensor.shape,
                tensor.exponent if isinstance(tensor.exponent, int) else None,
                axes.get(name, ""),
                _status(finding) if name in findings else "missing",
                finding if isinstance(finding, (Difference, ChecksumDifference)) else None,
                faults.get(name),
            )
        )
    return tuple(rows)


def _status(finding: Finding) -> Status:
    if finding is None:
        return "equal"
    if isinstance(finding, Part):
        return "part"
    return "not comparable" if isinstance(finding, str) else "differs"


def pictures_of(
    seen: Mapping[str, Observed], pc: Mapping[str, Array], faults: Mapping[str, Fault]
) -> dict[str, Array]:
    """Board less PC, float64, of the first tensors that differ: culprits, or the very first."""
    differing = [n for n in pc if n in seen and not seen[n].shows(pc[n])]
    ranked = [n for n in differing if n in faults and faults[n].verdict == "culprit"]
    found: dict[str, Array] = {}
    for name in dict.fromkeys((*differing[:1], *ranked)):
        values = seen[name].values
        if values is not None and seen[name].whole and len(found) < _MOST_PICTURES:
            with np.errstate(invalid="ignore"):
                found[name] = values.astype(np.float64) - pc[name].astype(np.float64)
    return found
