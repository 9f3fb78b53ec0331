"""The result of a layer is at another exponent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation

_MOST = 8


class ExponentOff(Explanation):
    """The layer's result is at another exponent than the network's.

    Try: compare the exponents of input, weights and result in the firmware with those of the model;
    export the project again where the model was quantized again.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """From one step to eight, both ways."""
        scaled = run.scaled
        for by in (sign * steps for steps in range(1, _MOST + 1) for sign in (1, -1)):
            factor = f"values are 1/{1 << by}" if by > 0 else f"values are {1 << -by} times"
            detail = f"off by {by:+d}: {factor} of what they should be"
            if scaled is not None:
                yield detail, scaled.shifted(by).result()
            elif isinstance(run.output.exponent, int):
                y = replace(run.output, exponent=run.output.exponent + by)
                yield detail, run.recomputed(operator=replace(run.operator, y=y))  # type: ignore[call-arg]
