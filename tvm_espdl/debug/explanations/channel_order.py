"""The colours of an image came in another order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation

_COLOURS = 3


class ChannelOrder(Explanation):
    """The colours of the image came in the opposite order: BGR for RGB, or RGB for BGR.

    Try: swap the first and the last channel where the image is made, or convert the camera's
    format to that of the training images (`--colours`).
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Each input with three channels (or four), first or last, turned round."""
        for place, array in enumerate(run.inputs):
            for axis in dict.fromkeys((array.ndim - 1, 1)):
                if array.ndim < 3 or array.shape[axis] not in (_COLOURS, _COLOURS + 1):
                    continue
                order = [*reversed(range(_COLOURS)), *range(_COLOURS, array.shape[axis])]
                turned = np.ascontiguousarray(array.take(order, axis))
                inputs = [*run.inputs[:place], turned, *run.inputs[place + 1 :]]
                name = run.step.inputs[place]
                yield f"channels {order} of {name}", run.recomputed(inputs=inputs)
