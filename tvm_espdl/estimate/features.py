"""What executed instructions are linear in, for each kernel: loops and how often they run.

ESP-DL's kernels compute a block of output channels, one in each lane, at a position; the channels
that remain are computed one by one, in another loop. Numbers of a feature: no coefficients here.
"""

from __future__ import annotations

from .work import Work

#: Kernels that slide a window over channels apart from each other.
_CHANNELWISE = ("depthwise_conv2d", "max_pool2d", "average_pool2d")
_PRODUCTS = ("gemm", "matmul")

Features = dict[str, float]


def shape_class(work: Work, lanes: int) -> str:
    """The name of the loops that a kernel takes for these shapes, with the kernel's own.

    Parameters
    ----------
    lanes : int
        Values of the type in a vector.
    """
    parts = [work.kernel, work.dtype]
    if work.window is not None:
        kernel, whole = work.window.kernel, work.window.kernel == work.window.image
        if whole and _is_channelwise(work):
            parts.append("whole")
        else:
            own = kernel in ((1, 1), (2, 2), (3, 3))
            parts.append(f"{kernel[0]}x{kernel[1]}" if own else "larger")
    if not _is_channelwise(work) and (work.kernel in _PRODUCTS or work.window is not None):
        parts.append("even" if work.channels_in % lanes == 0 else "uneven")
    if work.kernel == "concat":
        # Where pieces are no whole vectors, they are copied by words and bytes.
        parts.append("even" if work.channels_in % lanes == 0 else "uneven")
        return " ".join(parts)
    if work.loop:
        parts.append(work.loop)
    parts.append("even" if work.channels_out % lanes == 0 else "uneven")
    return " ".join(parts)


def features(work: Work, lanes: int) -> Features:
    """What the instructions of a kernel grow with, by name.

    Parameters
    ----------
    lanes : int
        Values of the type in a vector.
    """
    blocks, remaining = divmod(work.channels_out, lanes)
    if work.window is not None:
        return _sliding(work, lanes, blocks, remaining)
    if work.kernel in _PRODUCTS:
        return _product(work, lanes, blocks, remaining)
    if work.kernel == "concat":
        return {"call": 1, "copies": work.copies, "elements": work.elements_out}
    vectors = work.elements_out // lanes
    return {
        "call": 1,
        "vectors": vectors,
        "remaining": work.elements_out % lanes,
        "elements": work.elements_out,
        "vectors read": work.elements_in // lanes,
        "rows": work.rows,
        "rows blocks": work.rows * blocks,
        "rows remaining": work.rows * remaining,
    }


def _is_channelwise(work: Work) -> bool:
    return work.kernel in _CHANNELWISE


def _sliding(work: Work, lanes: int, blocks: int, remaining: int) -> Features:
    at = work.window
    assert at is not None
    area = at.kernel[0] * at.kernel[1]
    border = at.positions - at.inside
    taps_at_border = at.taps - at.inside * area
    counts: Features = {
        "call": 1,
        "result rows": at.result[0],
        "positions": at.positions,
        "inside": at.inside,
        "border": border,
        "lines": at.lines,
        "taps": at.taps,
    }
    for name, each in (("blocks", blocks), ("remaining", remaining)):
        counts |= {
            f"positions {name}": at.positions * each,
            f"inside {name}": at.inside * each,
            f"border {name}": border * each,
            f"lines {name}": at.lines * each,
            f"taps {name}": at.taps * each,
            f"taps at border {name}": taps_at_border * each,
        }
    counts["positions with remaining"] = at.positions * (remaining > 0)
    counts["taps with remaining"] = at.taps * (remaining > 0)
    if _is_channelwise(work):
        return counts
    vectors, tail = divmod(work.channels_in, lanes)
    one = vectors == 1 and not tail
    return counts | {
        "taps blocks vectors": at.taps * blocks * vectors,
        "taps blocks tail": at.taps * blocks * tail,
        "taps blocks with tail": at.taps * blocks * (tail > 0),
        "taps remaining vectors": at.taps * remaining * vectors,
        "taps remaining with tail": at.taps * remaining * (tail > 0),
        "positions of one vector": at.positions * one,
        "positions blocks of one vector": at.positions * blocks * one,
        "positions of one block": at.positions * (blocks == 1 and not remaining),
    }


def _product(work: Work, lanes: int, blocks: int, remaining: int) -> Features:
    vectors, tail = divmod(work.channels_in, lanes)
    return {
        "call": 1,
        "rows": work.rows,
        "rows blocks": work.rows * blocks,
        "rows blocks vectors": work.rows * blocks * vectors,
        "rows blocks tail": work.rows * blocks * tail,
        "rows remaining": work.rows * remaining,
        "rows remaining vectors": work.rows * remaining * vectors,
        "rows remaining with tail": work.rows * remaining * (tail > 0),
    }
