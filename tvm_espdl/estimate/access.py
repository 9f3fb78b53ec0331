"""From what a kernel has to do to what it reads and writes, in which order and how often."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from .traffic import Access, Region
from .work import Work

#: Fewer bytes of constants are read along with the rest.
_SMALL = 64
#: Bytes.
_VECTOR = 16


def slices_of(
    access: Access, works: Sequence[Work], line_bytes: int, pitch_bytes: int
) -> tuple[Access, ...]:
    """How a kernel goes through its operands slice by slice of its output channels.

    Parameters
    ----------
    access : Access
        With the whole filter.
    works : sequence of Work
        Of the slices.
    line_bytes, pitch_bytes : int
        Of the outermost cache; from one pixel of the result to the next.
    """
    if len(works) == 1:
        return (access,)
    found, first = [], 0
    channels = sum(work.channels_out for work in works)
    for work in works:
        filter_, last = access.filter, first + work.channels_out
        if filter_ is not None:
            nbytes = filter_.nbytes * last // channels - filter_.nbytes * first // channels
            # Of one slice nothing is read with another one, though lines may be.
            filter_ = Region((filter_.space, first), 0, nbytes)
        # A slice of a pixel begins with a vector, and as a rule within a line.
        touched = work.channels_out * np.dtype(work.dtype).itemsize + line_bytes - _VECTOR
        part = min(1.0, touched / pitch_bytes)
        found.append(dataclasses.replace(access, filter=filter_, written=part))
        first = last
    return tuple(found)


def access_of(
    work: Work, reads: Sequence[Region], writes: Sequence[Region], weights: Region | None
) -> Access:
    """How a kernel goes through its operands.

    Parameters
    ----------
    reads, writes : sequence of Region
        Inputs and results that are in external memory.
    weights : Region or None
        Constants, or the second matrix of a product, where they are.
    """
    if weights is not None and weights.nbytes < _SMALL:
        weights = None
    if work.window is not None:
        at = work.window
        step = at.image[0] / at.result[0]
        width = np.dtype(work.dtype).itemsize
        area, border = at.kernel[0] * at.kernel[1], at.positions - at.inside
        taps = at.taps / at.positions
        return Access(
            reads,
            writes,
            weights,
            inside=at.inside,
            border=border,
            border_share=(at.taps / area - at.inside) / border if border else 0.0,
            strips=at.result[0],
            overlap=max(0.0, at.kernel[0] / step - 1),
            per_load=taps * work.channels_in * width if reads else 0.0,
        )
    if work.macs and weights is not None:
        width = np.dtype(work.dtype).itemsize
        per_row = work.channels_in * width if reads else 0.0
        return Access(reads, writes, weights, work.rows, strips=work.rows, per_load=per_row)
    strips = max(1, work.elements_out * np.dtype(work.dtype).itemsize // 1024)
    return Access(reads, writes, weights, strips=strips)
