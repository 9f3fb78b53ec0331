"""A layer's result is that of the run before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class PreviousRun(Explanation):
    """The layer's result belongs to the run before: it is computed of that run's inputs.

    Try: look for a layer that was skipped, a cache that was not written back or not read again, a
    buffer that two tasks use, or inputs that are set too late.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """The layer with the inputs that the run before it in the log had, where these differ."""
        if not run.earlier or run.name in run.step.inputs:
            return
        inputs = [
            array if name in run.program.constants else run.earlier.get(name)
            for name, array in zip(run.step.inputs, run.inputs, strict=True)
        ]
        there = [array for array in inputs if array is not None]
        if len(there) == len(inputs) and not all(map(np.array_equal, there, run.inputs)):
            yield "the layer with the inputs of the run before", run.recomputed(inputs=there)
