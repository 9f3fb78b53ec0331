"""Convolutions in groups, which ESP-DL lacks: one for each group, or each filter of a channel.

The sums are the same products, in the order in which the chip adds those of one group.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..ops import Tensor
from ..ops.base.convolution import Convolution
from ..ops.base.rounding import Array
from ..ops.slice import Slice
from .parts import Parts


def groups(whole: Convolution, count: int, constants: Sequence[Array]) -> Parts:
    """The calls of a convolution in groups.

    Parameters
    ----------
    whole : Convolution
        Its filter `(O, C / count, ...)`; depthwise where each channel is a group.
    count : int
        Groups, a divisor of input and output channels.
    """
    channels, outputs = whole.x.shape[-1], whole.y.shape[-1]
    parts, axis = Parts(1), len(whole.x.shape) - 1
    if count == channels:
        rows = [np.arange(first, outputs, outputs // count) for first in range(outputs // count)]
        places = [_part(parts, (0, whole.x), whole, some, constants) for some in rows]
        joined = parts.joined(places, [_channels(whole.y, channels)] * len(rows), whole.y, axis)
        parts.picked(joined, whole.y, axis, np.argsort(np.concatenate(rows)))
        return parts
    x, places = _channels(whole.x, channels // count), []
    for group, some in enumerate(np.split(np.arange(outputs), count)):
        cut = parts.add(Slice.along(whole.x, x, axis, group * x.shape[-1]), 0)
        places.append(_part(parts, (cut, x), whole, some, constants))
    parts.joined(places, [_channels(whole.y, outputs // count)] * count, whole.y, axis)
    return parts


def _part(
    parts: Parts,
    data: tuple[int, Tensor],
    whole: Convolution,
    rows: Array,
    constants: Sequence[Array],
) -> int:
    """The convolution with some of the filters."""
    place, x = data
    picked = [np.ascontiguousarray(array[rows]) for array in constants]
    w = _filters(whole.w, rows, picked[0].shape)
    b = whole.b and _filters(whole.b, rows, (len(rows),))
    y = _channels(whole.y, len(rows))
    one = dataclasses.replace(whole, x=x, w=w, b=b, y=y)
    return parts.add(one, place, constants=picked)


def _channels(tensor: Tensor, count: int) -> Tensor:
    return dataclasses.replace(tensor, shape=(*tensor.shape[:-1], count))


def _filters(tensor: Tensor, rows: Array, shape: tuple[int, ...]) -> Tensor:
    exponent = tensor.exponent
    if isinstance(exponent, tuple):
        exponent = tuple(exponent[row] for row in rows)
    return dataclasses.replace(tensor, shape=shape, exponent=exponent)
