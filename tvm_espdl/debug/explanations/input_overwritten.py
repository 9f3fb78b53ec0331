"""An input of a layer was overwritten before the layer had read it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation

#: Buffers begin at multiples of it.
_ALIGNMENT = 16
#: Places that are tried, of all tensors together.
_MOST_PLACES = 400


class InputOverwritten(Explanation):
    """The layer's input was overwritten by another tensor after it was printed.

    Try: look for two buffers of the arena that overlap while both are needed, and for a kernel that
    writes behind its result.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Each tensor that was written in between, over each input, at aligned places."""
        tried = sorted(_overlaps(run), key=lambda one: abs(one[2]))
        for place, other, at in tried[:_MOST_PLACES]:
            changed = _overwritten(run.inputs[place], run.tensors[other], at)
            inputs = [*run.inputs[:place], changed, *run.inputs[place + 1 :]]
            detail = f"{other} lies over {run.step.inputs[place]}, from byte {at} of it on"
            yield detail, run.recomputed(inputs=inputs)


def _overlaps(run: LayerRun) -> Iterator[tuple[int, str, int]]:
    """Which input, which other tensor, and where that begins, in bytes from the input's begin."""
    steps = run.program.steps
    now = next((n for n, step in enumerate(steps) if step.outputs == run.step.outputs), 0)
    for place, name in enumerate(run.step.inputs):
        made = next((n for n, step in enumerate(steps) if name in step.outputs), -1)
        for other in (out for step in steps[made + 1 : now] for out in step.outputs):
            if other in run.tensors and other != name:
                lowest = _ALIGNMENT - -(-run.tensors[other].nbytes // _ALIGNMENT) * _ALIGNMENT
                for at in range(lowest, run.inputs[place].nbytes, _ALIGNMENT):
                    yield place, other, at


def _overwritten(array: Array, other: Array, at: int) -> Array:
    raw = bytearray(np.ascontiguousarray(array).tobytes())
    over = np.ascontiguousarray(other).tobytes()
    begin, end = max(at, 0), min(at + len(over), len(raw))
    raw[begin:end] = over[begin - at : end - at]
    return np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)
