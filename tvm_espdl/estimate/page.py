"""The estimate as one self-contained page of the report kit.

It arranges what the estimate says and adds nothing to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from ..files.accuracy_report import AccuracyReport
from ..report.log import Reason
from ..report.page import Line, Page, Section
from .advice import Advice
from .drawings.accuracy import snr_along_depth
from .drawings.graph import network_graph
from .drawings.memory import memory_over_time
from .drawings.roofline import roofline
from .drawings.timeline import timeline
from .evaluation import Figures, NodeEstimate
from .text import memory_lines, most_of, reliability
from .verdict import in_bytes, in_milliseconds, parts_of, verdict_of

_ACCURACY = "Accuracy along the depth"

#: Layers whose constants are listed.
_LARGEST = 10


def as_html(
    figures: Figures,
    advice: Sequence[Advice],
    reasons: Sequence[Reason],
    notes: Sequence[str],
    *,
    snr: Mapping[str, float] | None = None,
    accuracy: AccuracyReport | None = None,
    sections: Sequence[Section] = (),
) -> str:
    """The whole page.

    Parameters
    ----------
    snr : mapping of str to float, optional
        Of tensors in their order, in dB, where quantization was measured.
    accuracy : AccuracyReport, optional
        The whole account of such a measurement.
    sections : sequence of Section
        Of other reports; they follow the page's own.
    """
    own = (
        Section("How far to trust it", items=reliability(figures)),
        Section(
            "What would change it",
            ("gain", "what to do", "what speaks against it", "where", "paste"),
            [_advice(one) for one in advice],
        ),
        Section("Notes", items=notes),
        Section("Time", drawings=[timeline(figures.nodes)]),
        Section("The network", drawings=[network_graph(figures.nodes)]),
        Section("Roofline", drawings=_drawn(roofline(figures))),
        Section(
            "Memory",
            ("memory", "taken", "there is"),
            [
                Line((part.name, f"{part.used:,}", f"{part.most:,}"), not part.fits)
                for part in parts_of(figures)
            ],
            memory_lines(figures),
        ),
        Section("Memory over time", drawings=_drawn(memory_over_time(figures))),
        _accuracy(snr or {}, accuracy),
        _largest(figures),
        Section(
            "Not an operator of ESP-DL",
            ("tensor", "operator", "rule", "found", "allowed", "try"),
            [_reason(reason) for reason in reasons],
        ),
        _layers(figures),
    )
    title = f"Estimate for {figures.chip.name}"
    return Page(title, verdict_of(figures), [*own, *sections]).html()


def _accuracy(snr: Mapping[str, float], accuracy: AccuracyReport | None) -> Section:
    """SNR along the depth, and of the outputs where there is more to tell."""
    if accuracy is None:
        return Section(_ACCURACY, drawings=_drawn(snr_along_depth(snr)))
    rows = [
        Line(
            (
                output.name,
                "" if output.snr is None else f"{output.snr:.1f}",
                "" if output.top1 is None else f"{output.top1} of {accuracy.samples}",
            )
        )
        for output in accuracy.outputs
    ]
    return Section(
        _ACCURACY,
        ("output", "SNR in dB", "same class"),
        rows,
        [accuracy.sentence],
        drawings=_drawn(snr_along_depth(snr or accuracy.snr, accuracy.own)),
    )


def _drawn(drawing: Markup | None) -> list[Markup]:
    return [] if drawing is None else [drawing]


def _advice(advice: Advice) -> Line:
    gain = f"-{in_milliseconds(advice.milliseconds)}"
    paste = Markup("<br>").join(advice.paste.splitlines())
    return Line((gain, advice.what, advice.price, advice.place, paste))


def _reason(reason: Reason) -> Line:
    refusal = reason.refusal
    told = (refusal.sentence, refusal.found, refusal.allowed, refusal.fix)
    return Line((reason.tensor, reason.operator, *told))


def _largest(figures: Figures) -> Section:
    ranked = sorted(figures.nodes, key=lambda node: -node.flash_bytes)[:_LARGEST]
    total = figures.flash_bytes or 1
    rows = [
        Line(
            (
                node.tensor,
                node.operator,
                in_bytes(node.flash_bytes),
                f"{node.flash_bytes / total:.1%}",
            )
        )
        for node in ranked
        if node.flash_bytes
    ]
    return Section("Largest layers in flash", ("tensor", "operator", "constants", "share"), rows)


def _layers(figures: Figures) -> Section:
    columns = (
        *("tensor", "operator", "kernel", "result", "type", "MACs", "ms", "share", "most of it"),
        *("fetched", "constants", "arena in use", "rougher because"),
    )
    return Section("Layers in the order of execution", columns, [_layer(n) for n in figures.nodes])


def _layer(node: NodeEstimate) -> Line:
    what = (node.tensor, node.described, node.kernel, "x".join(map(str, node.shape)), node.dtype)
    time = (f"{node.macs:,}", f"{node.milliseconds:.3f}", f"{node.share:.1%}", most_of(node))
    memory = (f"{node.fetched_bytes:,.0f}", f"{node.flash_bytes:,}", f"{node.live_bytes:,}")
    return Line((*what, *time, *memory, node.extrapolates), node.kernel == "tvm")
