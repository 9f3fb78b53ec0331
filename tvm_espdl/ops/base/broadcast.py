"""Broadcasting as ESP-DL does it: neighbouring dimensions that broadcast alike are merged.

Source: ESP-DL `dl/base/dl_base_elemwise.cpp`. Shapes only.
"""

from __future__ import annotations

from .ccall import FieldValue

Shape = tuple[int, ...]
MAX_RANK = 4


def merged(a: Shape, b: Shape, y: Shape) -> list[tuple[int, bool, bool]]:
    """The fewest dimensions that describe the broadcast.

    Returns
    -------
    list of (extent, a is repeated, b is repeated)
        Outermost first; at least one entry.
    """
    rank = len(y)
    wide_a = (1,) * (rank - len(a)) + a
    wide_b = (1,) * (rank - len(b)) + b
    result: list[tuple[int, bool, bool]] = []
    for extent, in_a, in_b in zip(y, wide_a, wide_b, strict=True):
        if extent == 1:
            continue
        repeats = (in_a == 1, in_b == 1)
        if result and result[-1][1:] == repeats:
            result[-1] = (result[-1][0] * extent, *repeats)
        else:
            result.append((extent, *repeats))
    return result or [(1, False, False)]


def strides_of(a: Shape, b: Shape, y: Shape) -> dict[str, FieldValue]:
    """Members of a C descriptor that walk two broadcast inputs: rank, extents, strides.

    Extents and strides (in elements; 0 where the input is repeated) have `MAX_RANK` entries,
    filled up with extent 1 at the front.
    """
    dimensions = merged(a, b, y)
    strides_a, strides_b = _strides(dimensions, 1), _strides(dimensions, 2)
    missing = max(0, MAX_RANK - len(dimensions))
    return {
        "rank": len(dimensions),
        "extents": (1,) * missing + tuple(extent for extent, _, _ in dimensions),
        "strides_a": (0,) * missing + strides_a,
        "strides_b": (0,) * missing + strides_b,
    }


def _strides(dimensions: list[tuple[int, bool, bool]], repeated: int) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for dimension in reversed(dimensions):
        strides.append(0 if dimension[repeated] else step)
        step *= 1 if dimension[repeated] else dimension[0]
    return tuple(reversed(strides))
