"""An input of a layer was read in another layout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.base.rounding import Array
from ...ops.reshape import Reshape
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class LayoutOfInput(Explanation):
    """The layer's input was read in another layout than it lies in.

    Try: give the firmware its input as the generated header says, and transpose the model's NCHW
    to the chip's NHWC (`tvmgen_default_quantize_input` does both).
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Each input, with channels first for channels last and the like."""
        for place, array in enumerate(run.inputs):
            name = run.step.inputs[place]
            for detail, changed in _readings(array, _image_of(run, name, array)):
                inputs = [*run.inputs[:place], changed, *run.inputs[place + 1 :]]
                yield f"{name}: {detail}", run.recomputed(inputs=inputs)


def _image_of(run: LayerRun, name: str, array: Array) -> tuple[int, ...]:
    """The shape of an image or a signal that an input is; of a flattened one that it was."""
    for step in run.program.steps:
        if name in step.outputs and isinstance(step.operator, Reshape) and array.ndim < 3:
            return step.operator.x.shape
    return array.shape


def _readings(array: Array, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    rank = len(shape)
    if rank not in (3, 4):
        return
    first, last = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
    names = ("NCHW", "NHWC") if rank == 4 else ("NCW", "NWC")
    image = array.reshape(shape)
    for axes, (lies, read) in ((first, names), (last, names[::-1])):
        moved = np.ascontiguousarray(image.transpose(axes)).reshape(array.shape)
        yield f"it lies in {lies} order and is read as {read}", moved
        wide = image.reshape([shape[axis] for axis in axes])
        back = wide.transpose([axes.index(axis) for axis in range(rank)])
        detail = f"it lies in {read} order, is taken for {lies} and turned to {read}"
        yield detail, np.ascontiguousarray(back).reshape(array.shape)
    sides = [axis for axis in range(1, rank) if shape[axis] == shape[1 if axis > 1 else 2]]
    if rank == 4 and len(sides) > 1:
        for a, b in ((1, 2), (2, 3)):
            if shape[a] == shape[b]:
                swapped = np.ascontiguousarray(np.swapaxes(image, a, b)).reshape(array.shape)
                yield "its rows and columns have changed places", swapped
