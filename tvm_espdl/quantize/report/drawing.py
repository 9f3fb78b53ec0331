"""Draws a tensor's histogram as inline SVG, with the limits of its integers in it.

It draws what it is given; it counts nothing.
"""

from __future__ import annotations

import math

from markupsafe import Markup

from ...report.page import drawing
from ..exponents import integer_limits
from .rows import TensorRow

WIDTH, HEIGHT = 240, 48


def histogram(row: TensorRow) -> Markup:
    """An SVG element; "" for tensors without a histogram. Heights are logarithmic."""
    if row.bars is None:
        return Markup("")
    limits = [math.ldexp(limit, row.exponents[0]) for limit in integer_limits(row.bits)]
    reach = max(row.bars.reach, -limits[0]) * 1.02
    tallest = math.log1p(max(row.bars.counts, default=0)) or 1.0
    step = 2 * row.bars.reach / len(row.bars.counts)
    path = []
    for number, count in enumerate(row.bars.counts):
        if count:
            left = _across(-row.bars.reach + number * step, reach)
            wide = max(WIDTH * step / (2 * reach), 0.5)
            tall = HEIGHT * math.log1p(count) / tallest
            path.append(f"M{left:.1f} {HEIGHT}v{-tall:.1f}h{wide:.1f}v{tall:.1f}z")
    shapes = Markup('<path d="{}"/>').format("".join(path) or "M0 0")
    for limit in limits:
        across = f"{_across(limit, reach):.1f}"
        line = Markup('<line class="limit" x1="{0}" x2="{0}" y1="0" y2="{1}"/>')
        shapes += line.format(across, HEIGHT)
    title = (
        f"{row.name}: {row.low:.4g} to {row.high:.4g}, {row.bars.zeros} zeros apart; integers "
        f"hold {limits[0]:.4g} to {limits[1]:.4g}"
    )
    return drawing(WIDTH, HEIGHT, title, shapes)


def _across(value: float, reach: float) -> float:
    return WIDTH * (value + reach) / (2 * reach)
