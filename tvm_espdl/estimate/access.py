"""From what a kernel has to do to what it reads and writes, in which order and how often."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from .traffic import Access, Region
from .work import Window, Work

#: Bytes of a vector.
_VECTOR = 16
#: Fewer bytes of constants are read along with the rest.
_SMALL = 64


def accesses_of(
    work: Work, reads: Sequence[Region], writes: Sequence[Region], weights: Region | None
) -> Iterator[Access]:
    """How a kernel goes through its operands: once, or matrix by matrix.

    Parameters
    ----------
    reads, writes : sequence of Region
        Inputs and results that are in external memory.
    weights : Region or None
        Constants, or the second matrices of a product, where they are.
    """
    if weights is not None and weights.nbytes < _SMALL:
        weights = None
    width = np.dtype(work.dtype).itemsize
    if work.window is not None:
        yield _sliding(work, work.window, reads, writes, weights)
    elif work.macs and weights is not None:
        count = max(1, weights.nbytes // work.weight_bytes if work.kernel == "matmul" else 1)
        for number in range(count):
            rows = max(1, work.rows // count)
            yield Access(
                [_part(region, number, count) for region in reads],
                [_part(region, number, count) for region in writes],
                _part(weights, number, count),
                rows,
                strips=rows,
            )
    else:
        strips = max(1, work.elements_out * width // 1024)
        yield Access(reads, writes, weights, strips=strips)


def _part(region: Region, number: int, count: int) -> Region:
    """One of so many equal parts."""
    nbytes = region.nbytes // count
    return Region(region.space, region.start + number * nbytes, nbytes)


def _sliding(
    work: Work,
    at: Window,
    reads: Sequence[Region],
    writes: Sequence[Region],
    weights: Region | None,
) -> Access:
    area, border = at.kernel[0] * at.kernel[1], at.positions - at.inside
    step = (at.image[0] / at.result[0], round(at.image[1] / at.result[1]))
    width = np.dtype(work.dtype).itemsize
    # A window is read again for each block of channels, so that its columns are there for the next
    # position; of one block nothing stays.
    one_block = work.channels_out * width <= _VECTOR
    loads = at.taps if one_block else at.lines * min(at.kernel[1], step[1])
    return Access(
        reads,
        writes,
        weights,
        inside=at.inside,
        border=border,
        border_share=(at.taps / area - at.inside) / border if border else 0.0,
        strips=at.result[0],
        overlap=max(0.0, at.kernel[0] / step[0] - 1),
        reread=max(0.0, loads * work.channels_in * width - reads[0].nbytes) if reads else 0.0,
    )


def slices_of(
    works: Sequence[Work],
    reads: Sequence[Region],
    writes: Sequence[Region],
    weights: Region | None,
    written: tuple[int, int],
) -> Iterator[Access]:
    """How a kernel goes through its operands slice by slice of its output channels.

    Parameters
    ----------
    works : sequence of Work
        Of the slices.
    reads, writes, weights
        Those of all channels, as of `accesses_of`.
    written : (int, int)
        Bytes of a line of the outermost cache, and from one pixel of the result to the next.
    """
    line_bytes, pitch_bytes = written
    first, channels = 0, sum(work.channels_out for work in works)
    for work in works:
        last, part = first + work.channels_out, weights
        if weights is not None:
            begin, end = (weights.nbytes * at // channels for at in (first, last))
            # Of one slice nothing is read with another one, though a line may be.
            part = Region((weights.space, first), weights.start + begin, end - begin)
        # A slice of a pixel begins with a vector, and as a rule within a line.
        touched = work.channels_out * np.dtype(work.dtype).itemsize + line_bytes - _VECTOR
        for access in accesses_of(work, reads, writes, part):
            yield dataclasses.replace(access, written=min(1.0, touched / pitch_bytes))
        first = last
