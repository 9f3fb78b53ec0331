"""The account of a quantization: each tensor's exponent and range, and what stayed float.

Must never influence the quantization; it is made after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["input", "activation", "output", "requantized", "weight", "bias", "constant"]

_NAME_WIDTH = 46


@dataclass(frozen=True)
class TensorRow:
    """One quantized tensor.

    Attributes
    ----------
    name : str
        As in the float network.
    role : str
        What it is in the network.
    exponents : tuple of int
        One, or one per output channel; the scale is 2^exponent.
    low, high : float
        Smallest and largest float value, in calibration or in the constant itself.
    saturates : bool
        Whether the range reaches beyond the integers' limits at this exponent.
    """

    name: str
    role: Role
    exponents: tuple[int, ...]
    low: float
    high: float
    saturates: bool


@dataclass(frozen=True)
class FloatRow:
    """One operator that stayed float.

    Attributes
    ----------
    name : str
        Of the node.
    operator : str
        Its ONNX operator type.
    """

    name: str
    operator: str


@dataclass(frozen=True)
class QuantizationReport:
    """What was quantized, and how; `str(report)` is a table of at most 100 columns.

    Attributes
    ----------
    chip : str
        The chip that the network was quantized for.
    method : str
        How the exponents of activations were chosen.
    samples : int
        Calibration samples used.
    rows : tuple of TensorRow
        The quantized tensors, in the order of the graph.
    left_float : tuple of FloatRow
        The operators that stayed float.
    """

    chip: str
    method: str
    samples: int
    rows: tuple[TensorRow, ...]
    left_float: tuple[FloatRow, ...]

    def __str__(self) -> str:
        lines = [
            f"quantized for {self.chip}, activations: {self.method}, {self.samples} samples",
            f"{'tensor':<{_NAME_WIDTH}}  {'role':<11} {'exponent':>9} {'min':>11} {'max':>11}",
        ]
        for row in self.rows:
            lines.append(
                f"{_shorten(row.name):<{_NAME_WIDTH}}  {row.role:<11} {_span(row.exponents):>9} "
                f"{row.low:>11.4g} {row.high:>11.4g}{'  sat' if row.saturates else ''}"
            )
        if any(row.saturates for row in self.rows):
            lines.append("sat: values seen in calibration lie beyond the integers' limits")
        for left in self.left_float:
            lines.append(f"float: {left.operator:<20} {_shorten(left.name)}")
        return "\n".join(lines)


def _shorten(name: str) -> str:
    # The end of a name tells layers apart; exporters put the long common path in front.
    return name if len(name) <= _NAME_WIDTH else "..." + name[3 - _NAME_WIDTH :]


def _span(exponents: tuple[int, ...]) -> str:
    low, high = min(exponents), max(exponents)
    return str(low) if low == high else f"{low}..{high}"
