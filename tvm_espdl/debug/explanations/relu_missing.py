"""The ReLU of a layer was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class ReluMissing(Explanation):
    """The ReLU that is fused into the layer was not applied.

    Try: look whether the kernel reads the descriptor's activation, and whether the firmware holds
    the network that was exported last.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """The layer without its activation."""
        if getattr(run.operator, "activation", "linear") == "relu":
            linear = replace(run.operator, activation="linear")  # type: ignore[call-arg]
            yield "negative results are there that a ReLU makes 0", run.recomputed(operator=linear)
