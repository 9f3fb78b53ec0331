"""Good or bad, in words; and how large the network is.

Must never judge by what was not measured with the chip's bits.
"""

from __future__ import annotations

from .rows import QuantizationFigures

#: SNR in dB from which a network is called good, and below which bad: errors of a tenth and of a
#: third of the signal.
GOOD, BAD = 20.0, 10.0


def grade(report: QuantizationFigures) -> str:
    """`good`, `fair`, `bad`; "" where no output has both signal and noise.

    Outputs that are not finite are bad.
    """
    if report.accuracy is not None and report.accuracy.broken:
        return "bad"
    found = None if report.accuracy is None else report.accuracy.snr
    if found is None:
        return ""
    return "good" if found >= GOOD else "fair" if found >= BAD else "bad"


def verdict(report: QuantizationFigures) -> str:
    """One sentence: the grade, and what it rests on."""
    accuracy = report.accuracy
    if accuracy is None:
        why = f": {report.unmeasured}" if report.unmeasured else ""
        return f"result: not judged, for its accuracy was not measured{why}"
    if accuracy.broken:
        return f"result: bad: {accuracy.broken} values of the outputs are not finite"
    if accuracy.snr is None:
        exact = all(output.deviation is None or not output.deviation.noise
                    for output in accuracy.outputs)  # fmt: skip
        found = "the float outputs are exact" if exact else "no output has a signal to compare with"
        return f"result: {found} on {accuracy.samples} samples"
    error = 100.0 * 10.0 ** (-accuracy.snr / 20.0)
    text = (
        f"result: {grade(report)}: the outputs are off by {error:.2g} % of their size "
        f"({accuracy.snr:.1f} dB) on {accuracy.samples} samples"
    )
    classes = [output.top1 for output in accuracy.outputs if output.top1 is not None]
    if classes:
        text += f", with the same class on {min(classes)} of them"
    return text + (" (which took part in calibration)" if accuracy.in_sample else "")


def footprint_line(report: QuantizationFigures) -> str:
    """Size and memory in an exported project; "" where they are not known."""
    if report.footprint is None:
        return ""
    constants, arena = report.footprint.constants, report.footprint.arena
    return (
        f"size on the {report.chip}: {constants:,} bytes of constants, {arena:,} bytes of memory "
        "(arena)"
    )
