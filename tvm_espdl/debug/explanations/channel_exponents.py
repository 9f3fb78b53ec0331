"""One exponent was used where the weights have one for each output channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class ChannelExponents(Explanation):
    """All output channels were shifted alike, though the weights have an exponent for each.

    Try: use a kernel that reads a shift for each channel (ESP32-P4 and ESP32-S31), or quantize
    without per_channel.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Each shift that a channel has, for all; and the shifts in another order."""
        scaled = run.scaled
        if scaled is None or not isinstance(scaled.shift, np.ndarray):
            return
        for shift in dict.fromkeys(map(int, scaled.shift)):
            yield f"all are shifted by {shift}", replace(scaled, shift=shift).result()
        backwards = replace(scaled, shift=scaled.shift[::-1])
        yield "the exponents are in the opposite order", backwards.result()
        for by in (1, -1):
            moved = replace(scaled, shift=np.roll(scaled.shift, by))
            yield "the exponents are those of neighbouring channels", moved.result()
