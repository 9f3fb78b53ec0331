"""An input of a layer was overwritten before the layer had read it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation

#: Buffers begin at multiples of it.
_ALIGNMENT = 16
#: Places that are tried of one tensor.
_MOST_PLACES = 64


class InputOverwritten(Explanation):
    """The layer's input was overwritten by another tensor after it was printed.

    Try: look for two buffers of the arena that overlap while both are needed, and for a kernel that
    writes behind its result.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Each tensor that was written in between, over each input, at aligned places."""
        steps = run.program.steps
        now = steps.index(run.step)
        for place, name in enumerate(run.step.inputs):
            made = next((n for n, step in enumerate(steps) if name in step.outputs), -1)
            between = [out for step in steps[made + 1 : now] for out in step.outputs]
            for other in between:
                if other in run.step.inputs or other not in run.tensors:
                    continue
                for at, changed in _overwritten(run.inputs[place], run.tensors[other]):
                    inputs = [*run.inputs[:place], changed, *run.inputs[place + 1 :]]
                    detail = f"{other} lies over {name}, from byte {at} of it on"
                    yield detail, run.recomputed(inputs=inputs)


def _overwritten(array: Array, other: Array) -> Iterator[tuple[int, Array]]:
    raw, over = bytearray(np.ascontiguousarray(array).tobytes()), np.ascontiguousarray(other)
    bytes_ = over.tobytes()
    lowest = -(len(bytes_) // _ALIGNMENT * _ALIGNMENT)
    places = sorted(range(lowest, len(raw), _ALIGNMENT), key=abs)[:_MOST_PLACES]
    for at in places:
        changed = bytearray(raw)
        begin = max(at, 0)
        end = min(at + len(bytes_), len(raw))
        if begin < end:
            changed[begin:end] = bytes_[begin - at : end - at]
            yield at, np.frombuffer(bytes(changed), array.dtype).reshape(array.shape)
