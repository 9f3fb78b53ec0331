"""Where a tensor differs, as a heat map for each channel: SVG for the page kit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from markupsafe import Markup

from ..ops.base.rounding import Array
from ..report.page import drawing
from ..report.text import visible

#: Pixels of a map's cells at most, all maps together, and rows and columns of one.
_MOST_CELLS, _MOST_SIDE = 30_000, 64
_WIDTH, _GAP, _HEAD = 900, 10, 16
#: Board above PC in shades of red, below in shades of blue: from a step to the largest.
_ABOVE = ("#f6b6a6", "#ec7a62", "#d13f2b", "#8c1410")
_BELOW = ("#a9cdea", "#5f9fd4", "#2a6cae", "#0c3a70")
_STRANGE = "#b000b0"


def heat_maps(name: str, difference: Array, axes: str) -> Markup:
    """A map of rows and columns for each channel; of other tensors, one of all values in rows.

    Parameters
    ----------
    difference : numpy.ndarray
        Board less PC, float64.
    axes : str
        Names of the axes: `NHWC` and the like; "" where unknown.
    """
    maps = _maps(difference, axes)
    side = max(max(array.shape) for _, array in maps)
    each = max(1, min(12, 160 // side))
    largest = float(np.abs(difference[np.isfinite(difference)]).max(initial=0.0))
    shapes, x, y, row = [], 0, 0, 0
    for title, array in maps:
        height, width = array.shape[0] * each, array.shape[1] * each
        if x and x + max(width, 40) > _WIDTH:
            x, y, row = 0, y + row + _GAP, 0
        shapes.append(_map(title, array, (x, y), each, largest))
        x, row = x + max(width, 40) + _GAP, max(row, height + _HEAD)
    words = f"board less PC of {name}: red above, blue below, white equal, up to {largest:g}"
    return drawing(_WIDTH, y + row + _GAP, words, Markup("").join(shapes))


def _maps(difference: Array, axes: str) -> list[tuple[str, Array]]:
    """Titles and 2-D arrays, at most so many as can be shown: the channels that differ most."""
    if axes in ("NHWC", "NCHW"):
        images = difference[0] if axes == "NCHW" else np.moveaxis(difference[0], -1, 0)
    elif axes in ("NWC", "NCW"):
        images = (difference[0] if axes == "NCW" else difference[0].T)[None]
    else:
        flat = difference.ravel()
        columns = min(_MOST_SIDE, max(1, math.isqrt(flat.size)))
        padded = np.zeros(-(-flat.size // columns) * columns)
        padded[: flat.size] = flat
        images = padded.reshape(1, -1, columns)
    images = images.astype(np.float64)
    differs = (images != 0).reshape(len(images), -1).sum(axis=1)
    small = [_pooled(image) for image in images]
    most = max(1, _MOST_CELLS // small[0].size)
    chosen = sorted(np.argsort(-differs, kind="stable")[:most])
    one = len(images) == 1
    return [("" if one else f"c {number}: {differs[number]}", small[number]) for number in chosen]


def _pooled(image: Array) -> Array:
    """At most so many rows and columns: of each area what is largest."""
    for axis in (0, 1):
        factor = -(-image.shape[axis] // _MOST_SIDE)
        if factor > 1:
            missing = -image.shape[axis] % factor
            widths = [(0, 0), (0, 0)]
            widths[axis] = (0, missing)
            areas = np.moveaxis(np.pad(image, widths), axis, 0)
            areas = areas.reshape(-1, factor, areas.shape[1])
            at = np.abs(np.nan_to_num(areas, nan=np.inf)).argmax(axis=1)
            image = np.moveaxis(np.take_along_axis(areas, at[:, None], 1)[:, 0], 0, axis)
    return image


def _map(title: str, array: Array, corner: tuple[int, int], each: int, largest: float) -> Markup:
    x, y = corner[0], corner[1] + _HEAD
    height, width = array.shape
    shapes = [
        Markup('<text x="{}" y="{}">{}</text>').format(x, y - 4, visible(title)),
        Markup('<rect x="{}" y="{}" width="{}" height="{}" style="fill:#fff"/>').format(
            x, y, width * each, height * each
        ),
    ]
    by_colour: dict[str, list[str]] = {}
    for colour, row, first, count in _runs(array, largest):
        run = f"M{x + first * each} {y + row * each}h{count * each}v{each}h-{count * each}z"
        by_colour.setdefault(colour, []).append(run)
    shapes += [
        Markup('<path style="fill:{}" d="{}"/>').format(colour, "".join(runs))
        for colour, runs in by_colour.items()
    ]
    return Markup("").join(shapes)


def _runs(array: Array, largest: float) -> Iterator[tuple[str, int, int, int]]:
    """Neighbours of one colour: the colour, the row, the first column, how many."""
    for number, row in enumerate(array):
        colours = [_colour(float(value), largest) for value in row]
        first = 0
        for column in range(1, len(colours) + 1):
            if column == len(colours) or colours[column] != colours[first]:
                if colours[first]:
                    yield colours[first], number, first, column - first
                first = column


def _colour(value: float, largest: float) -> str:
    """By the logarithm, so that single steps are seen beside large ones; "" where equal."""
    if value == 0:
        return ""
    if not math.isfinite(value) or largest == 0:
        return _STRANGE
    shades = _ABOVE if value > 0 else _BELOW
    share = math.log1p(abs(value)) / math.log1p(largest)
    return shades[min(len(shades) - 1, int(share * len(shades)))]
