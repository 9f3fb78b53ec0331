"""The SNR of tensors along the depth of the network, where quantization was measured."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from ...report.page import drawing
from .shapes import circle, label, line, together

_LEFT, _WIDTH, _HEIGHT = 60.0, 860.0, 200.0


def snr_along_depth(
    decibels: Mapping[str, float], own: Mapping[str, float] | None = None
) -> Markup | None:
    """A point for each tensor, in their order, and one for what its layer alone has; None without.

    What adds up is joined by lines.
    """
    if not decibels:
        return None
    alone = own or {}
    top = max(10.0, *decibels.values(), *alone.values())
    each, shapes, before = _WIDTH / len(decibels), [], None
    for index, (name, value) in enumerate(decibels.items()):
        across = _LEFT + (index + 0.5) * each
        at = (across, _height(value, top))
        if name in alone:
            told = f"{name}, its layer alone: {alone[name]:.1f} dB"
            shapes.append(circle((across, _height(alone[name], top)), 3, "portable", told))
        shapes.append(circle(at, 3, "esp-dl", f"{name}: {value:.1f} dB"))
        shapes += [line(before, at, "edge")] if before is not None else []
        before = at
    if alone:
        shapes.append(label((_LEFT + 6, 12), "joined: all up to there; apart: each layer alone"))
    shapes += [
        line((_LEFT, 20 + _HEIGHT), (_LEFT + _WIDTH, 20 + _HEIGHT)),
        label((_LEFT - 6, 26), f"{top:.0f} dB", "end"),
        label((_LEFT - 6, 20 + _HEIGHT), "0", "end"),
    ]
    size = (int(_LEFT + _WIDTH) + 20, int(_HEIGHT) + 40)
    return drawing(*size, "SNR along the depth", together(shapes))


def _height(decibels: float, top: float) -> float:
    return 20 + _HEIGHT * (1 - max(0.0, decibels) / top)
