"""Weights that answer for errors of what they are multiplied with, found by damped least squares.

With float inputs f, quantized inputs q = f + e and float weights W, the weights V that minimise
E|W f - V q|² are V = W - W E[e q'] E[q q']^-1. The errors of rounding hardly depend on f, but over
few patches they seem to: E[e q'] = E[e e'] + E[e f'], of which the first part is trusted and the
second counts with a share between 0 and 1. Share and damping are those by which one half of the
samples serves the other half best; where neither half gains, the weights stay.

Source: least squares as in Li et al., "GPTAQ: Efficient Finetuning-Free Quantization for
Asymmetric Calibration", 2025; the split of E[e q'] and the choice by halves are our own.

Must never round: what comes out are float weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .exponents import Floats
from .input_errors import InputErrors
from .layer_statistics import Moments

#: What is tried to be added to the diagonal of E[q q'], relative to its mean.
DAMPINGS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)

#: The share of the noise at the layer's output by which the other half has to gain.
LEAST_GAIN = 0.01

Triple = tuple[Moments, Moments, Moments]


@dataclass(frozen=True)
class Shrinkage:
    """How far measured moments are believed."""

    damping: float  #: Added to the diagonal of E[q q'], relative to its mean.
    share: float  #: Of E[e f'], from 0 to 1.


def compensated(rows: Floats, moments: Triple, shrinkage: Shrinkage) -> Floats:
    """The weights V = W - W (E[e e'] + share E[e f']) (E[q q'] + damping)^-1, float64 (G, O, K).

    `rows` are the float weights W (G, O, K), G groups of O outputs each; `moments` are E[q q'],
    E[e q'] and E[e e'], each (G, K, K), or the covariances where a bias takes up the means.
    """
    trusted, doubted = _changes(rows, moments, shrinkage.damping)
    return rows + trusted + shrinkage.share * doubted


def choose_shrinkage(rows: Floats, first: Triple, second: Triple) -> Shrinkage | None:
    """The shrinkage by which each half of the samples serves the other best.

    From the float weights (G, O, K) and the moments (G, K, K) of either half; None where the noise
    at the output does not fall by `LEAST_GAIN`.
    """
    noise = _noise(rows, first) + _noise(rows, second)
    least, best = -LEAST_GAIN * noise, None
    for damping in DAMPINGS:
        # The gain is a parabola over the share: its lowest point between 0 and 1.
        constant = slope = bend = 0.0
        for fitted, judging in ((first, second), (second, first)):
            trusted, doubted = _changes(rows, fitted, damping)
            constant += _gain(trusted, rows, judging)
            bend += _product(doubted, judging[0], doubted)
            slope += 2 * _product(doubted, judging[0], trusted)
            slope += 2 * _product(rows, judging[1], doubted)
        share = min(max(-slope / (2 * bend), 0.0), 1.0) if bend > 0 else 0.0
        gain = constant + slope * share + bend * share * share
        if gain < least:
            least, best = gain, Shrinkage(damping, share)
    return best


def weights_for(rows: Floats, first: InputErrors, second: InputErrors, *, centered: bool) -> Floats:
    """Compensated weights (G, O, K) of a layer; its own where halves of the samples do not agree.

    A bias takes up the means where they are `centered`.
    """
    halves = first.moments(centered=centered), second.moments(centered=centered)
    shrinkage = choose_shrinkage(rows, *halves)
    if shrinkage is None:
        return np.asarray(rows, dtype=np.float64)
    return compensated(rows, (first + second).moments(centered=centered), shrinkage)


def _changes(rows: Floats, moments: Triple, damping: float) -> tuple[Floats, Floats]:
    """The changes of the weights for E[e e'] and for E[e f'], each (G, O, K)."""
    inputs, crossed, errors = moments
    mean = np.diagonal(inputs, axis1=1, axis2=2).mean(axis=1)
    # A group that never sees anything but zeros gets an identity: nothing is changed then.
    unit = np.where(mean > 0, mean, 1.0)[:, np.newaxis, np.newaxis] * np.eye(inputs.shape[1])
    wanted = np.concatenate([rows @ errors, rows @ (crossed - errors)], axis=1)
    solved = np.linalg.solve(inputs + damping * unit, wanted.transpose(0, 2, 1))
    changes = -solved.transpose(0, 2, 1)
    return changes[:, : rows.shape[1]], changes[:, rows.shape[1] :]


def _noise(rows: Floats, moments: Triple) -> float:
    """E|W e|²: what the errors of the inputs do to the output."""
    return _product(rows, moments[2], rows)


def _gain(change: Floats, rows: Floats, moments: Triple) -> float:
    """E|W f - (W + D) q|² less E|W e|²; below 0 where the change D helps."""
    return _product(change, moments[0], change) + 2 * _product(rows, moments[1], change)


def _product(left: Floats, moments: Moments, right: Floats) -> float:
    return float(((left @ moments) * right).sum())
