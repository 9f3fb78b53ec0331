"""A comparison as one self-contained page of the report kit.

It arranges what was found and adds nothing to it.
"""

from __future__ import annotations

from ..report.page import Line, Page, Section
from .picture import heat_maps
from .rows import ComparisonRows, Difference, Explained, Fault, TensorRow
from .text import as_text

_KEY = """red: the board's value is larger; blue: it is smaller; white: equal; darker: further apart
c 5: 22 stands for channel 5, of which 22 values differ"""


def as_html(found: ComparisonRows) -> str:
    """The whole page; the same comparison gives the same text."""
    axes = {row.tensor: row.axes for row in found.rows}
    sections = (
        Section("In words", text=as_text(found)),
        Section(
            "Whose fault it is",
            ("tensor", "layer", "verdict", "why", "what fits all values, and what to do"),
            [_fault(fault) for fault in found.faults],
        ),
        *(
            Section(
                f"Board less PC: {name}", text=_KEY, drawings=[heat_maps(name, values, axes[name])]
            )
            for name, values in found.pictures.items()
        ),
        *(
            Section(f"What is peculiar about {fault.tensor}", items=fault.statistics)
            for fault in found.culprits
        ),
        Section("Problems", items=found.problems),
        Section("Notes", items=found.notes),
        Section(
            "Tensors in the order of execution",
            (
                *("tensor", "layer", "type", "shape", "exponent", "result", "differ", "share"),
                *("largest", "first at", "board", "PC", "SNR"),
            ),
            [_row(row) for row in found.rows],
        ),
    )
    return Page(f"Board against PC, {found.chip}".rstrip(", "), _verdict(found), sections).html()


def _verdict(found: ComparisonRows) -> str:
    if found.ok:
        return f"Equal: {len(found.equal)} tensors, bit for bit."
    if found.first is None:
        return "Not shown equal."
    culprits = found.culprits
    named = "".join(f" Culprit: {fault.layer or fault.tensor}." for fault in culprits[:1])
    more = f" And {len(culprits) - 1} more." if len(culprits) > 1 else ""
    return f"The board differs, first in {found.first.tensor}.{named}{more}"


def _fault(fault: Fault) -> Line:
    told = " ".join(map(_explained, fault.explanations))
    suspects = f": {'; '.join(map(str, fault.suspects))}" if fault.suspects else ""
    layer = "" if fault.layer is None else str(fault.layer)
    cells = (fault.tensor, layer, fault.verdict, f"{fault.why}{suspects}", told)
    return Line(cells, fault.verdict == "culprit")


def _explained(one: Explained) -> str:
    return f"{one.sentence} Here: {one.detail}. Try: {one.remedy}"


def _row(row: TensorRow) -> Line:
    found = row.difference
    figures = ("",) * 6
    if isinstance(found, Difference):
        figures = (
            f"{found.count:,} of {found.elements:,}",
            f"{found.share:.2%}",
            f"{found.largest:g}",
            found.place,
            f"{found.board:g}",
            f"{found.pc:g}",
        )
    layer = "" if row.layer is None else str(row.layer)
    exponent = "" if row.exponent is None else str(row.exponent)
    kind = (row.dtype, "x".join(map(str, row.shape)), exponent)
    snr = "" if row.snr_db != row.snr_db else f"{row.snr_db:.1f} dB"
    return Line((row.tensor, layer, *kind, row.status, *figures, snr), row.status == "differs")
