"""What is peculiar about a difference, for a human to whom nobody else can say its cause.

It states facts about two arrays; it knows no operator and guesses no cause.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..ops.base.rounding import Array
from .observed import same_bits

#: Differences, channels, rows that one sentence lists.
_MOST_LISTED = 6


def statistics_of(board: Array, right: Array, axes: str, lanes: int) -> tuple[str, ...]:
    """Sentences about where and how two arrays differ; none where they do not.

    Parameters
    ----------
    axes : str
        Names of the axes, `NHWC` and the like; "" where unknown.
    lanes : int
        Channels of one vector; 0 without vectors.
    """
    differs = ~same_bits(board, right).reshape(board.shape)
    if not differs.any():
        return ()
    sentences = [f"{int(differs.sum())} of {differs.size} values differ ({differs.mean():.2%})"]
    if np.issubdtype(right.dtype, np.integer):
        sentences += _of_integers(board, right, differs)
    else:
        sentences += _of_floats(board, right, differs)
    if axes.endswith("C") and len(axes) == differs.ndim:
        sentences += _of_channels(differs, lanes)
    for axis, name in enumerate(axes):
        if name in "HW":
            sentences += _along(differs, axis, {"H": "rows", "W": "columns"}[name])
    if {"H", "W"} <= set(axes):
        sentences += _at_border(differs, axes)
    return tuple(sentences)


def _of_integers(board: Array, right: Array, differs: Array) -> Iterator[str]:
    delta = board.astype(np.int64)[differs] - right.astype(np.int64)[differs]
    kinds, counts = np.unique(delta, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_LISTED]
    listed = ", ".join(f"{kinds[i]:+d}: {counts[i]}" for i in order)
    rest = "" if len(kinds) <= _MOST_LISTED else f", and {len(kinds) - _MOST_LISTED} others"
    yield f"board less PC, in steps, and how often: {listed}{rest}"
    yield f"{(np.abs(delta) == 1).mean():.0%} of the differences are one step"
    above = float((delta > 0).mean())
    if above in (0.0, 1.0):
        yield f"the board's value is {'larger' if above else 'smaller'} in all of them"
    else:
        yield f"the board's value is larger in {above:.0%}, the mean difference {delta.mean():+.3g}"
    limits = np.iinfo(right.dtype)
    edges = np.isin(board, (limits.min, limits.max)) | np.isin(right, (limits.min, limits.max))
    if edges[differs].all():
        yield "they differ only where one of both is saturated"
    constants = np.unique(board[differs])
    if constants.size == 1:
        yield f"wherever they differ, the board has {constants[0]}"


def _of_floats(board: Array, right: Array, differs: Array) -> Iterator[str]:
    b, r = board[differs].astype(np.float64), right[differs].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        relative = np.abs(b - r) / np.maximum(np.abs(r), np.finfo(np.float64).tiny)
    if np.isfinite(relative).all():
        yield f"relative differences: {relative.min():.2g} to {relative.max():.2g}"
    if (strange := ~np.isfinite(b)).any():
        yield f"the board has {int(strange.sum())} infinite values or NaN among them"


def _of_channels(differs: Array, lanes: int) -> Iterator[str]:
    counts = differs.reshape(-1, differs.shape[-1]).sum(axis=0)
    hit, channels = counts.nonzero()[0], len(counts)
    if hit.size == channels:
        yield f"all {channels} channels are hit"
    else:
        yield f"{hit.size} of {channels} channels are hit: {_listed(hit)}"
        worst = int(counts.argmax())
        share = counts[worst] / counts.sum()
        if hit.size > 1 and share > 0.5:
            yield f"{share:.0%} of the differences are in channel {worst}"
    full = channels // lanes * lanes if lanes else 0
    if 0 < full < channels and hit.min() >= full:
        yield f"only channels behind the last whole vector of {lanes} are hit"
    elif 0 < full < channels and hit.max() < full:
        yield f"only channels in whole vectors of {lanes} are hit"
    if full:
        blocks = [n for n in range(full // lanes) if counts[n * lanes : (n + 1) * lanes].all()]
        if blocks and hit.size == len(blocks) * lanes:
            yield f"exactly whole vectors of {lanes} channels are hit: {_listed(np.array(blocks))}"


def _along(differs: Array, axis: int, what: str) -> Iterator[str]:
    others = tuple(n for n in range(differs.ndim) if n != axis)
    hit = differs.any(axis=others).nonzero()[0]
    if hit.size < differs.shape[axis]:
        yield f"{hit.size} of {differs.shape[axis]} {what} are hit: {_listed(hit)}"


def _at_border(differs: Array, axes: str) -> Iterator[str]:
    inside = [slice(None)] * differs.ndim
    for name in "HW":
        inside[axes.index(name)] = slice(1, -1)
    inner = differs[tuple(inside)]
    if inner.size and not inner.any():
        yield "they differ only at the border of the image"


def _listed(numbers: Array) -> str:
    """Numbers as ranges, a few of them."""
    ranges: list[list[int]] = []
    for number in map(int, numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    texts = [f"{low}" if low == high else f"{low} to {high}" for low, high in ranges]
    more = [f"and {len(texts) - _MOST_LISTED} more"] if len(texts) > _MOST_LISTED else []
    return ", ".join([*texts[:_MOST_LISTED], *more])
