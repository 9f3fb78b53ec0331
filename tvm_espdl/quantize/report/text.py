"""The report as text of at most 100 columns.

It arranges what the report says and adds nothing to it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ...report.text import Column, shorten, table_head, table_line, visible, wrapped
from ..advice.advice import Advice
from .accuracy import Accuracy, OutputAccuracy
from .deviation import Deviation
from .rows import FloatRow, QuantizationFigures, StepRow, TensorRow

_OUTPUTS = (
    *(Column("  output", 48), Column("SNR dB", 9, right=True), Column("mean err", 9, right=True)),
    *(Column("max err", 9, right=True), Column(" agreement", 60)),
)
_TENSORS = (
    *(Column("tensor", 37), Column("role", 11), Column("exp", 8, right=True)),
    *(Column("min", 10, right=True), Column("max", 10, right=True)),
    *(Column("SNR", 6, right=True), Column("own", 6, right=True), Column("", 4)),
)

#: How a network was quantized that a file of exponents stood for in the place of data.
BY_FILE = "as the file of exponents states"

#: Characters of a line of options to type.
_PASTED = 90


def as_text(report: QuantizationFigures) -> str:
    """The head, the accuracy, the layers that hurt most, the warnings, then the table."""
    lines = [head(report)]
    lines += _accuracy(report.accuracy) if report.accuracy else wrapped(measured(report))
    lines += step_lines(report)
    if report.worst:
        lines.append("layers that hurt most (SNR of what the layer itself adds, in dB):")
        lines += [f"  {shorten(row.name, 80):80} {row.own}" for row in report.worst]
    if report.advice:
        lines.append("what loses accuracy, and what mends it (SNR of the outputs, in simulation):")
        lines += [line for advice in report.advice for line in _advice(advice)]
    for table in (report.tradeoff, report.loss):
        lines += map(visible, str(table or "").splitlines())
    for kind, texts in (("note", report.notes), ("warning", report.warnings)):
        for text in texts:
            lines += wrapped(f"{kind}: {text}")
    if report.rows:
        lines += _table(report.rows)
    lines += _left_float(report.left_float)
    return "\n".join(lines)


def _advice(advice: Advice) -> Iterator[str]:
    """What is lost and why; then what to type, which breaks only between options."""
    yield from wrapped(f"- {advice.loss}")
    if advice.mend is None:
        yield "    no option that was tried gains much"
        return
    yield f"    {advice.mend.effect} with"
    words = [shlex.quote(word) for word in advice.mend.options]
    pairs = [" ".join(words[place : place + 2]) for place in range(0, len(words), 2)]
    while pairs:
        line = pairs.pop(0)
        while pairs and len(line) + len(pairs[0]) < _PASTED:
            line += f" {pairs.pop(0)}"
        yield "      " + visible(line) + (" \\" if pairs else "")


def head(report: QuantizationFigures) -> str:
    """What was quantized, and how."""
    if not report.rows and report.method == BY_FILE:
        return f"quantized for {report.chip} {BY_FILE}"
    if not report.rows:
        return f"taken as it is for {report.chip}: quantized already, with power-of-two scales"
    weights = f", weights: {report.weights}" if report.weights else ""
    return (
        f"quantized for {report.chip}, activations: {report.method}, {report.samples} samples"
        f"{weights}"
    )


def accuracy_head(accuracy: Accuracy) -> str:
    """What the accuracy was measured on."""
    kind = "in sample: they took part in calibration" if accuracy.in_sample else "held out"
    plural = "" if accuracy.samples == 1 else "s"
    return f"accuracy with the chip's bits on {accuracy.samples} sample{plural} ({kind})"


def measured(report: QuantizationFigures) -> str:
    """How well the network does in one number, or why that is not known; "" for neither."""
    if report.accuracy is None:
        return f"accuracy not measured: {report.unmeasured}" if report.unmeasured else ""
    found, broken = report.accuracy.snr, report.accuracy.broken
    if broken:
        return f"{accuracy_head(report.accuracy)}: {broken} values of the outputs are not finite"
    level = "no output has both signal and noise" if found is None else f"{found:.1f} dB"
    return f"{accuracy_head(report.accuracy)}: {level}"


def _accuracy(accuracy: Accuracy) -> Iterator[str]:
    yield f"{accuracy_head(accuracy)}:"
    yield table_head(_OUTPUTS)
    for output in accuracy.outputs:
        found = output.deviation
        errors = ("", "") if found is None else (f"{found.mean:.3g}", f"{found.largest:.3g}")
        name = f"  {shorten(output.name, 46)}"
        yield table_line(_OUTPUTS, (name, snr(found), *errors, f" {agreement(output, accuracy)}"))


def agreement(output: OutputAccuracy, accuracy: Accuracy) -> str:
    """What an output has in common with the float network's, where it has classes or integers."""
    if output.equal is not None:
        return f"{output.equal:.1%} equal"
    if output.top1 is None:
        return ""
    text = f"top-1 {output.top1} of {accuracy.samples}"
    if output.correct is not None and output.float_correct is not None:
        right = [f"{n / accuracy.samples:.1%}" for n in (output.correct, output.float_correct)]
        text += f"; correct {right[0]}, float {right[1]}"
    return text


def step_lines(report: QuantizationFigures) -> list[str]:
    """What each step has gained: what decided about it, then what was measured."""
    if not report.steps:
        return []
    measured = any(step.accuracy is not None for step in report.steps)
    chip = ", then with the chip's bits" if measured else ""
    return [f"recovery of accuracy: SNR that decided{chip}", *map(_step_line, report.steps)]


def _step_line(step: StepRow) -> str:
    name = f"{'+' if step.applied else 'with'} {step.step}" if step.step else "without recovery"
    line = f"  {name:20} {_level(step.judged, step.judged_gain)}"
    if step.accuracy is not None:
        line += f"   chip {_level(step.accuracy.snr, step.gain)}"
    if step.applied:
        return line.rstrip()
    gains = step.judged_gain is not None and step.judged_gain > 0
    return f"{line}  not kept" + (": the outputs themselves lose" if gains else "")


def _level(snr: float | None, gain: float | None) -> str:
    level = "    -" if snr is None else f"{snr:5.1f}"
    return f"{level} dB {'' if gain is None else f'{gain:+5.1f} dB':8}"


def _table(rows: Sequence[TensorRow]) -> Iterator[str]:
    yield table_head(_TENSORS)
    for row in rows:
        figures = (span(row.exponents), f"{row.low:.3g}", f"{row.high:.3g}")
        noise = (_short_snr(row.cumulative), _short_snr(row.own))
        saturates = " sat" if row.saturates else ""
        yield table_line(_TENSORS, (row.name, row.role, *figures, *noise, saturates))
    if any(row.cumulative is not None for row in rows):
        yield "SNR in dB against float: of all layers up to here, and of what each adds on its own"
    if any(row.saturates for row in rows):
        yield "sat: values seen in calibration lie beyond the integers' limits"


def _left_float(left: Sequence[FloatRow]) -> Iterator[str]:
    for reason in dict.fromkeys(row.reason for row in left):
        yield from wrapped(f"left in float, because {reason}:")
        for row in left:
            if row.reason == reason:
                yield f"float: {row.operator:<20} {shorten(row.name, 70)}"


def snr(deviation: Deviation | None) -> str:
    """The SNR in dB, or why there is none."""
    return "" if deviation is None else str(deviation)


def _short_snr(deviation: Deviation | None) -> str:
    return snr(deviation).replace("no signal", "none")


def span(exponents: tuple[int, ...]) -> str:
    """One exponent, or the range of several."""
    low, high = min(exponents), max(exponents)
    return str(low) if low == high else f"{low}..{high}"
