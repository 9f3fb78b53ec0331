"""The estimate as text of at most 100 columns, and as JSON.

It arranges what the estimate says and adds nothing to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..codegen.flash import CODE_BYTES
from ..files.accuracy_report import AccuracyReport
from ..report.log import Reason
from ..report.text import Column, json_text, table_head, table_line, wrapped
from .advice import Advice
from .calibration import sentence
from .energy import millijoules
from .evaluation import Figures, NodeEstimate
from .verdict import in_bytes, in_milliseconds, parts_of, verdict_of

_MS_WIDTH = 9
_COLUMNS = (
    Column("tensor", 40),
    Column("operator", 17),
    Column("kernel", 8),
    Column("ms", _MS_WIDTH, right=True),
    Column("share", 6, right=True),
    Column("", 2),
    Column("most of it", 12),
)
#: Nodes that the text lists.
_MOST_NODES = 20


def as_text(
    figures: Figures,
    advice: Sequence[Advice],
    reasons: Sequence[Reason],
    notes: Sequence[str],
    *,
    every: bool = False,
) -> str:
    """The whole text; with `every`, all calls in their order are in it."""
    lines = wrapped(verdict_of(figures))
    for note in notes:
        lines += wrapped(f"note: {note}")
    lines.append("")
    lines += [f"  {line}" for line in memory_lines(figures)]
    shown = [node for node in figures.nodes if node.milliseconds]
    if not every:
        shown.sort(key=lambda node: -node.milliseconds)
    rest = [] if every else shown[_MOST_NODES:]
    lines += ["", table_head(_COLUMNS)]
    lines += [_line(node) for node in shown[: len(shown) - len(rest)]]
    if rest:
        taken = sum(node.milliseconds for node in rest)
        lines.append(f"and {len(rest)} more calls, {in_milliseconds(taken)} (--json has all)")
    if advice:
        lines += ["", "what would change that, as estimated:"]
    for one in advice:
        lines += advice_lines(one)
    lines += ["", *[line for text in reliability(figures) for line in wrapped(text)]]
    for reason in reasons:
        told = f"not an operator of ESP-DL: {reason.tensor} ({reason.operator}): {reason.refusal}"
        lines += wrapped(told)
    return "\n".join(lines)


def memory_lines(figures: Figures) -> list[str]:
    """Where bytes go, a line each."""
    layout = figures.layout
    places = ", ".join(
        f"{in_bytes(size)} in {name}"
        for size, name in zip(layout.arena_bytes, ("internal memory", "PSRAM"), strict=True)
        if size
    )
    lines = [
        f"arena {places or in_bytes(0)}; at least {in_bytes(layout.plan.lower_bound)} live at once",
        f"constants {in_bytes(layout.flash_bytes)} in flash, read from "
        f"{'PSRAM, where they are copied' if layout.weights == 'psram' else 'there'}",
        f"code in flash beside them, ESP-IDF's included, at most about {in_bytes(CODE_BYTES)}",
        f"the caller's inputs and outputs {in_bytes(layout.buffer_bytes)}",
    ]
    if layout.laid_out_again:
        again = in_bytes(layout.laid_out_again)
        lines.append(f"of the constants {again} are weights of several layers, laid out anew")
    if layout.state_bytes:
        lines.append(f"kept between runs {in_bytes(layout.state_bytes)} in internal memory")
    left = figures.left_bytes
    lines.append(
        f"left for the application {in_bytes(max(0, left))} of "
        f"{in_bytes(figures.machine.internal_bytes)} internal memory, buffers taken off"
    )
    return lines


def reliability(figures: Figures) -> list[str]:
    """How far the figures can be trusted."""
    prices = figures.prices
    lines = []
    if figures.calibration is not None:
        lines.append(sentence(figures.calibration))
    elif prices.fitted:
        lines.append(
            f"error: {prices.error_percent:g} % on average, {prices.largest_error_percent:g} % at "
            f"worst ({prices.worst}), on {prices.networks} published latencies, each predicted by "
            "a fit that had seen nothing of its family of networks"
        )
    lines += [f"rougher than that: {text}" for text in figures.extrapolations]
    lines.append(
        f"energy: in the order of {_rounded(millijoules(figures))} mJ an inference, with an "
        "assumed current of the chip at work"
    )
    return lines


def _rounded(number: float) -> str:
    """One digit, and zeros."""
    return f"{float(f'{number:.1g}'):,g}"


def advice_lines(advice: Advice) -> list[str]:
    """One piece of advice: gain, what, price, and what to paste."""
    price = f" ({advice.price})" if advice.price else ""
    told = wrapped(f"-{in_milliseconds(advice.milliseconds)}: {advice.what}{price}")
    return [*told, *(f"    {line}" for text in advice.paste.splitlines() for line in wrapped(text))]


def most_of(node: NodeEstimate) -> str:
    """The largest part of a call's time."""
    return max(node.parts, key=lambda part: node.parts[part]) if node.parts else ""


def as_json(
    figures: Figures,
    advice: Sequence[Advice],
    reasons: Sequence[Reason],
    accuracy: AccuracyReport | None = None,
) -> str:
    """Everything, with stable names."""
    return json_text(
        {
            "chip": figures.chip.name,
            "milliseconds": figures.milliseconds,
            "error_percent": figures.error_percent,
            "internal_ram_bytes": figures.internal_ram_bytes,
            "psram_bytes": figures.psram_bytes,
            "flash_bytes": figures.flash_bytes,
            "buffer_bytes": figures.layout.buffer_bytes,
            "fits": all(part.fits for part in parts_of(figures)),
            "clock_mhz": figures.machine.clock_hz / 1e6,
            "weights": figures.layout.weights,
            "arena_bytes": dict(
                zip(("internal", "psram"), figures.layout.arena_bytes, strict=True)
            ),
            "millijoules_order_of_magnitude": millijoules(figures),
            "extrapolations": figures.extrapolations,
            "advice": [dataclasses.asdict(one) for one in advice],
            "reasons": [dataclasses.asdict(reason) for reason in reasons],
            "accuracy": None if accuracy is None else dataclasses.asdict(accuracy),
            "nodes": [dataclasses.asdict(node) for node in figures.nodes],
        }
    )


def _line(node: NodeEstimate) -> str:
    # All digits in front of the point are shown, whatever that takes.
    exact, short = f"{node.milliseconds:.3f}", f"{node.milliseconds:.0f}"
    figures = (exact if len(exact) <= _MS_WIDTH else short, f"{node.share:.1%}")
    mark = "~" if node.extrapolates else ""
    return table_line(
        _COLUMNS, (node.tensor, node.described, node.kernel, *figures, mark, most_of(node))
    )
