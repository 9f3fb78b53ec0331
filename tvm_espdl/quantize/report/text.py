"""The report as text of at most 100 columns.

It arranges what the report says and adds nothing to it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from .accuracy import Accuracy, OutputAccuracy
from .deviation import Deviation
from .quantization_report import QuantizationReport
from .rows import FloatRow, StepRow, TensorRow

WIDTH = 100
_NAME_WIDTH = 37


def as_text(report: QuantizationReport) -> str:
    """The head, the accuracy, the layers that hurt most, the warnings, then the table."""
    lines = [head(report)]
    if report.accuracy is not None:
        lines += _accuracy(report.accuracy)
    elif report.unmeasured:
        lines += _wrapped(f"accuracy not measured: {report.unmeasured}")
    lines += [step_line(step, width=24) for step in report.steps]
    if report.worst:
        lines.append("layers that hurt most (SNR of what the layer itself adds, in dB):")
        lines += [f"  {_shorten(row.name, 80):80} {row.own}" for row in report.worst]
    if report.tradeoff is not None:
        lines += str(report.tradeoff).splitlines()
    if report.loss is not None:
        lines += str(report.loss).splitlines()
    for note in report.notes:
        lines += _wrapped(f"note: {note}")
    for warning in report.warnings:
        lines += _wrapped(f"warning: {warning}")
    if report.seconds:
        lines.append(time_line(report))
    if report.rows:
        lines += _table(report.rows)
    lines += _left_float(report.left_float)
    return "\n".join(lines)


def head(report: QuantizationReport) -> str:
    """What was quantized, and how."""
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
    return f"accuracy with the chip's bits on {accuracy.samples} sample{plural} ({kind}):"


def _accuracy(accuracy: Accuracy) -> Iterator[str]:
    yield accuracy_head(accuracy)
    yield f"  {'output':46} {'SNR dB':>9} {'mean err':>9} {'max err':>9}  agreement"
    for output in accuracy.outputs:
        if output.deviation is None:
            figures = f"{'':>9} {'':>9} {'':>9}"
        else:
            found = output.deviation
            figures = f"{snr(found):>9} {found.mean:>9.3g} {found.largest:>9.3g}"
        yield f"  {_shorten(output.name, 46):46} {figures}  {agreement(output, accuracy)}".rstrip()


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


def step_line(step: StepRow, width: int = 0) -> str:
    """What a step has gained."""
    found = step.accuracy.snr
    level = "      -" if found is None else f"{found:5.1f} dB"
    if not step.step:
        return f"{'without recovery':{width}} {level}"
    gain = "" if step.gain is None else f"  {step.gain:+.1f} dB"
    refused = "" if step.applied else "  not kept: no gain in the search"
    sign = "+" if step.applied else "with"
    return f"{f'{sign} {step.step}':{width}} {level}{gain}{refused}"


def time_line(report: QuantizationReport) -> str:
    """How long each phase took."""
    return "time: " + ", ".join(f"{name} {spent:.1f} s" for name, spent in report.seconds.items())


def _table(rows: Sequence[TensorRow]) -> Iterator[str]:
    yield (
        f"{'tensor':<{_NAME_WIDTH}} {'role':<11} {'exp':>8} {'min':>10} {'max':>10} "
        f"{'SNR':>6} {'own':>6}"
    )
    for row in rows:
        yield (
            f"{_shorten(row.name, _NAME_WIDTH):<{_NAME_WIDTH}} {row.role:<11} "
            f"{span(row.exponents):>8} {row.low:>10.3g} {row.high:>10.3g} "
            f"{_short_snr(row.cumulative):>6} {_short_snr(row.own):>6}"
            f"{'  sat' if row.saturates else ''}"
        ).rstrip()
    if any(row.cumulative is not None for row in rows):
        yield "SNR in dB against float: of all layers up to here, and of what each adds on its own"
    if any(row.saturates for row in rows):
        yield "sat: values seen in calibration lie beyond the integers' limits"


def _left_float(left: Sequence[FloatRow]) -> Iterator[str]:
    for reason in dict.fromkeys(row.reason for row in left):
        yield from _wrapped(f"left in float, because {reason}:")
        for row in left:
            if row.reason == reason:
                yield f"float: {row.operator:<20} {_shorten(row.name, 70)}"


def snr(deviation: Deviation | None) -> str:
    """The SNR in dB, or why there is none."""
    return "" if deviation is None else str(deviation)


def _short_snr(deviation: Deviation | None) -> str:
    return snr(deviation).replace("no signal", "none")


def _shorten(name: str, width: int) -> str:
    # The end of a name tells layers apart; exporters put the long common path in front.
    return name if len(name) <= width else "..." + name[3 - width :]


def span(exponents: tuple[int, ...]) -> str:
    """One exponent, or the range of several."""
    low, high = min(exponents), max(exponents)
    return str(low) if low == high else f"{low}..{high}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
