"""What a board should print next, where its checksums tell which layer differs first."""

from __future__ import annotations

from collections.abc import Mapping

from ..program import Program
from .dump import Dump
from .rows import ChecksumDifference, Difference
from .tensor_rows import Finding


def next_dump(program: Program, board: Dump, findings: Mapping[str, Finding]) -> tuple[str, ...]:
    """How to print the first differing layer in full; nothing where it is there, or none differs.

    Its inputs are equal or not in the dump: the PC's own take their place.
    """
    differing = [
        name
        for name, found in findings.items()
        if isinstance(found, (Difference, ChecksumDifference))
    ]
    if not differing or differing[0] not in board.indices:
        return ()
    if not isinstance(findings[differing[0]], ChecksumDifference):
        return ()
    layer = next((step.outputs for step in program.steps if differing[0] in step.outputs), ())
    wanted = [name for name in layer if name in differing and name in board.indices]
    numbers = ",".join(str(board.indices[name]) for name in wanted or differing[:1])
    return (
        f"to see what differs in {', '.join(wanted or differing[:1])}, have the board print it in "
        "full, and compare again:",
        f"  idf.py -DTVM_ESPDL_DUMP_ONLY={numbers} build flash monitor",
        f"  or, in crt_config.h: #define TVM_ESPDL_DUMP_ONLY {numbers}",
    )
