"""How far numbers lie from what they should be: power of signal and noise, mean and largest error.

Must never turn an undefined ratio into a number: without a signal, or without noise, it says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...onnx_graphs.graph import Array


@dataclass(frozen=True)
class Deviation:
    """What separates values from their reference, over any number of arrays.

    Attributes
    ----------
    signal, noise : float
        Sums of the squares of the reference and of the errors, where these are finite.
    absolute : float
        Sum of the absolute errors.
    largest : float
        Largest absolute error.
    count : int
        How many values were compared.
    broken : int
        How many of them are NaN or infinite.
    """

    signal: float = 0.0
    noise: float = 0.0
    absolute: float = 0.0
    largest: float = 0.0
    count: int = 0
    broken: int = 0

    @classmethod
    def between(cls, reference: Array, found: Array) -> Deviation:
        """The deviation of `found` from `reference`, arrays of one shape; sums in float64."""
        wanted, got = (np.asarray(values, dtype=np.float64) for values in (reference, found))
        finite = np.isfinite(got)
        errors = np.abs(np.subtract(got, wanted, where=finite, out=np.zeros_like(got)))
        return cls(
            float((wanted**2).sum()),
            float((errors**2).sum()),
            float(errors.sum()),
            float(errors.max(initial=0.0)),
            errors.size,
            int((~finite).sum()),
        )

    def __add__(self, other: Deviation) -> Deviation:
        return Deviation(
            self.signal + other.signal,
            self.noise + other.noise,
            self.absolute + other.absolute,
            max(self.largest, other.largest),
            self.count + other.count,
            self.broken + other.broken,
        )

    @property
    def mean(self) -> float:
        """Mean absolute error of the finite values; 0 where there are none."""
        finite = self.count - self.broken
        return self.absolute / finite if finite else 0.0

    @property
    def ratio(self) -> float | None:
        """Noise over signal; infinite where a value is not finite, None without a signal."""
        if self.broken:
            return math.inf
        return self.noise / self.signal if self.signal else None

    @property
    def snr(self) -> float | None:
        """Signal-to-noise ratio in dB; None where there is no signal, no noise, or no number."""
        return decibels(self.ratio)

    @property
    def state(self) -> str:
        """Why `snr` is None: "not finite", "no signal" or "exact"; "" where it is a number."""
        if self.broken:
            return "not finite"
        if self.snr is not None:
            return ""
        return "exact" if not self.noise else "no signal"

    def __str__(self) -> str:
        return self.state if self.snr is None else f"{self.snr:.1f}"


def decibels(ratio: float | None) -> float | None:
    """10 log10 of signal over noise, of the ratio the other way round.

    None where that is no finite number: for None, 0 and infinity.
    """
    return -10.0 * math.log10(ratio) if ratio and math.isfinite(ratio) else None
