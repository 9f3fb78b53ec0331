"""Mean and deviation of images were applied twice, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...ops.base.rounding import Array
from ...ops.quantize import Quantize
from ..layer_run import LayerRun, Normalization
from .explanation import Attempt, Explanation

#: What networks are usually trained with.
_USUAL: tuple[Normalization, ...] = (
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    ((0.5,), (0.5,)),
    ((0.1307,), (0.3081,)),
    ((127.5,), (127.5,)),
    ((127.5,), (128.0,)),
    ((128.0,), (128.0,)),
    ((0.0,), (255.0,)),
)


class NormalizedTwice(Explanation):
    """Mean and deviation were applied to the image twice, or not at all.

    Try: apply them once: either before the network's input, or in the model or the table of an
    exported project (`--mean`, `--std`), not in both.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """With what the user says of images, and with what is usual."""
        if not isinstance(run.operator, Quantize) or run.inputs[0].dtype.name != "float32":
            return
        (x,) = run.inputs
        for mean, std in (*run.normalizations, *_USUAL):
            words = f"mean {_listed(mean)} and std {_listed(std)}"
            for axis in _axes(x, max(len(mean), len(std))):
                m, s = (_along(x, values, axis) for values in (mean, std))
                yield f"{words} twice", run.recomputed(inputs=[(x - m) / s])
                yield f"{words} not at all", run.recomputed(inputs=[x * s + m])


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _axes(x: Array, channels: int) -> list[int]:
    """Where the channels may be; any axis will do for one value."""
    if channels == 1:
        return [0]
    return [axis for axis in dict.fromkeys((1, x.ndim - 1)) if x.ndim > axis > 0
            and x.shape[axis] == channels]  # fmt: skip


def _along(x: Array, values: Sequence[float], axis: int) -> Array:
    numbers = np.asarray(values, np.float32)
    if numbers.size == 1:
        return numbers.reshape(())
    return numbers.reshape([-1 if at == axis else 1 for at in range(x.ndim)])
