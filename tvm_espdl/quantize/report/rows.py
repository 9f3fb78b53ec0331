"""The report as plain data: tensors, operators left in float, steps of recovery, and all of it.

Must never measure: whoever makes a line has its figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..advice.advice import Advice
from ..foreign.loss import RequantizationLoss
from ..mixed.tradeoff import Tradeoff
from .accuracy import Accuracy
from .deviation import Deviation

#: How many layers are named as those that hurt most.
WORST = 3

Role = Literal["input", "activation", "output", "requantized", "weight", "bias", "constant"]


@dataclass(frozen=True)
class Bars:
    """A histogram, coarse enough to be drawn.

    Attributes
    ----------
    reach : float
        The bars divide -reach to reach evenly.
    counts : tuple of int
        Values in each bar, zeros left out.
    zeros : int
        Values that are exactly zero.
    """

    reach: float
    counts: tuple[int, ...]
    zeros: int


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
        Smallest and largest float value, in calibration or in the constant itself; where
        equalization rescaled channels, of the rescaled network.
    saturates : bool
        Whether the range reaches beyond the integers' limits at this exponent.
    bits : int
        Width of the integers.
    clipped : float or None
        Share of the calibrated values that saturate; None for constants.
    clipped_at_most : float or None
        The same, where a bin of the histogram lies across the limit: with all of its values.
        Equal to `clipped` where that is exact.
    bars : Bars or None
        The distribution of the values in calibration.
    cumulative : Deviation or None
        Of the chip's tensor from the float network's: what all layers up to here add up to.
    own : Deviation or None
        What this layer alone adds: the chip's kernel against the float operator, both on the
        float network's tensors as the chip's integers hold them.
    """

    name: str
    role: Role
    exponents: tuple[int, ...]
    low: float
    high: float
    saturates: bool
    bits: int = 8
    clipped: float | None = None
    clipped_at_most: float | None = None
    bars: Bars | None = None
    cumulative: Deviation | None = None
    own: Deviation | None = None


@dataclass(frozen=True)
class FloatRow:
    """One operator that stayed float.

    Attributes
    ----------
    name : str
        Of the node.
    operator : str
        Its ONNX operator type.
    reason : str
        Why it stayed float.
    """

    name: str
    operator: str
    reason: str = ""


@dataclass(frozen=True)
class StepRow:
    """One step that recovers accuracy: what decided about it, and what was measured.

    Attributes
    ----------
    step : str
        Its name; "" for the network without any.
    applied : bool
        Whether it was kept.
    judged : float or None
        The SNR in dB that decided, as the search computes it (for most networks by simulation), of
        the network with it and all steps before it that were kept; None for no noise.
    judged_gain : float or None
        What it adds to that, in dB; None where that is undefined.
    accuracy : Accuracy or None
        Of the same network, with the chip's bits; None where that was not measured.
    gain : float or None
        What it adds to the network's SNR there, in dB; None where that is undefined.
    """

    step: str
    applied: bool
    judged: float | None
    judged_gain: float | None
    accuracy: Accuracy | None
    gain: float | None


@dataclass(frozen=True)
class Footprint:
    """What the network takes in an exported project.

    Attributes
    ----------
    constants, arena : int
        Bytes of read-only data, and of the memory that its tensors share.
    """

    constants: int
    arena: int


@dataclass(frozen=True)
class QuantizationFigures:
    """What was quantized, how, and how well.

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
    weights : str
        How the exponents of weights were chosen.
    accuracy : Accuracy or None
        Of the result, with the chip's bits; None where it was not measured.
    steps : tuple of StepRow
        The network without recovery, then each step that was tried, in order.
    notes : tuple of str
        What to know when reading the figures.
    warnings : tuple of str
        What to look at.
    advice : tuple of Advice
        What loses accuracy, the largest loss first, why, and the options that mend it, with gain
        and price as they were measured; empty where the network is good, or nothing was measured.
    unmeasured : str
        Why there is no accuracy; "" where there is one.
    tradeoff : Tradeoff or None
        What int16 layers cost and gain, where they were chosen automatically.
    loss : RequantizationLoss or None
        How far a network that others quantized has moved, where it was re-expressed.
    footprint : Footprint or None
        Size and memory on the chip; None where the network was not compiled, or has a part that
        cannot be exported.
    network : str
        Which network was measured, by its content, as `program.identity` names it; "" where none
        was.
    seconds : dict of str to float
        Time of each phase; no part of what is shown, nor of the comparison of two reports.
    """

    chip: str
    method: str
    samples: int
    rows: tuple[TensorRow, ...]
    left_float: tuple[FloatRow, ...]
    weights: str = ""
    accuracy: Accuracy | None = None
    steps: tuple[StepRow, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()
    unmeasured: str = ""
    tradeoff: Tradeoff | None = None
    loss: RequantizationLoss | None = None
    footprint: Footprint | None = None
    network: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def worst(self) -> tuple[TensorRow, ...]:
        """The three layers that hurt most: those with the lowest SNR on their own.

        That is noise over signal of what the layer itself adds (`TensorRow.own`); inputs of the
        network and layers without noise are left out.
        """
        found = [
            (row.own.ratio, row)
            for row in self.rows
            if row.own is not None and row.own.ratio and row.role != "input"
        ]
        return tuple(row for _, row in sorted(found, key=lambda entry: -(entry[0] or 0.0))[:WORST])
