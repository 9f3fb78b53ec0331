"""A layer without activation got a ReLU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class ReluAdded(Explanation):
    """A ReLU was applied to a layer that has none.

    Try: look whether the kernel reads the descriptor's activation, and whether the firmware holds
    the network that was exported last.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """The layer with an activation."""
        if getattr(run.operator, "activation", "") == "linear":
            relu = replace(run.operator, activation="relu")  # type: ignore[call-arg]
            yield "negative results are 0", run.recomputed(operator=relu)
