"""The input is the given one times a number plus another."""

from __future__ import annotations

import numpy as np

from ...ops.base.rounding import Array
from ...ops.quantize import Quantize
from ..layer_run import LayerRun
from ..scaled import ROUNDINGS
from .explanation import Explanation

#: Fewer values, or smaller or fewer differences, could be met by chance.
_LEAST_VALUES, _LEAST_KINDS, _LEAST_STEPS, _LEAST_SHARE = 32, 8, 2, 0.25
_HALVINGS = 60


class InputScaled(Explanation):
    """The board's input is the given one, scaled and moved by constants.

    Try: compare how pixels become the network's input on both sides: range, mean, deviation.
    """

    def found(self, run: LayerRun) -> str | None:
        """One scale for all values; else one for each channel."""
        board = None if run.values is None or run.after else run.values
        if board is None or not isinstance(run.operator, Quantize):
            return None
        x, step = run.inputs[0].astype(np.float64), 2.0**run.operator.y.uniform_exponent
        off = np.abs(board.astype(np.int64) - run.right)
        if not np.isfinite(x).all() or off.max() < _LEAST_STEPS or (off > 0).mean() < _LEAST_SHARE:
            return None
        for axis in (None, 1, x.ndim - 1):
            if axis is not None and not (x.ndim > 2 and 1 < x.shape[axis] <= 4):
                continue
            axes = [x] if axis is None else list(np.moveaxis(x, axis, 0))
            boards = [board] if axis is None else list(np.moveaxis(board, axis, 0))
            fits = [_fit(a, b, run) for a, b in zip(axes, boards, strict=True)]
            if all(fit is not None for fit in fits):
                parts = [f"{fit[0] * step:.4g} x + {fit[1] * step:.4g}" for fit in fits if fit]
                return f"{', '.join(parts)}{'' if axis is None else ' for the channels in order'}"
        return None


def _fit(x: Array, board: Array, run: LayerRun) -> tuple[float, float] | None:
    """The factor and the summand, in steps, that give every value of the board."""
    run.clock.check()
    limits = np.iinfo(board.dtype)
    free = (board > limits.min) & (board < limits.max)
    xs, ys = x[free], board[free].astype(np.float64)
    if xs.size < _LEAST_VALUES or min(np.unique(xs).size, np.unique(ys).size) < _LEAST_KINDS:
        return None

    def spread(factor: float) -> float:
        rest = ys - factor * xs
        return float(rest.max() - rest.min())

    slope = float(np.polyfit(xs, ys, 1)[0])
    width = 2.0 / max(float(np.ptp(xs)), 1e-30)
    low, high = slope - width, slope + width
    for _ in range(_HALVINGS):
        third = (high - low) / 3
        if spread(low + third) <= spread(high - third):
            high -= third
        else:
            low += third
    factor = (low + high) / 2
    rest = ys - factor * xs
    summand = float(rest.max() + rest.min()) / 2
    rounded = ROUNDINGS[run.chip.rounding][1](factor * x + summand)
    same = (np.clip(rounded, limits.min, limits.max) == board).all()
    return (factor, summand) if same else None
