"""Windows slid over images and signals, channels last, and other sizes of them: pools, Resize.

A record has rows and columns always; a node over a signal states the columns alone. ESP-DL reads
neither `ceil_mode` nor `count_include_pad`: means divide by the whole kernel. The sizes of a Resize
are in ONNX's order, channels first.
Source: `dl/module/include/dl_module_{max_pool,average_pool,global_average_pool,resize}.hpp`.
"""

from __future__ import annotations

import numpy as np

from ...ops import Tensor
from ...ops.average_pool2d import AveragePool2d
from ...ops.base.convolution import Convolution
from ...ops.base.pool import Pool
from ...ops.base.resize import Resize
from ...ops.base.window import Pads, Pair, output_extent
from ...ops.max_pool2d import MaxPool2d
from ...ops.resize_linear import ResizeLinear
from ...ops.resize_nearest import ResizeNearest, nearest_pixels
from ..draft import Setting
from ..image_parts import gathered
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from ..types import Shape

POOLS: dict[str, type[Pool]] = {"AveragePool": AveragePool2d, "MaxPool": MaxPool2d}
NO_PADS = (0, 0, 0, 0)


def pair(values: Shape) -> Pair:
    """Rows and columns; a signal has one row."""
    rows, columns = (1, *values)[-2:]
    return rows, columns


def sizes(node: NodeView, name: str, spatial: int) -> Pair:
    """An attribute of one size for each dimension, 1 where absent."""
    return pair(node.list(name, spatial, 1, least=1))


def pads_of(node: NodeView, spatial: int) -> Pads:
    """Top, left, bottom, right."""
    values = node.list("pads", 2 * spatial, 0)
    top, left, bottom, right = values if spatial == 2 else (0, values[0], 0, values[1])
    return top, left, bottom, right


def read_pool(node: NodeView) -> None:
    """A window slid over an image or a signal, or one as large as that."""
    x, kind = node.tensor(), node.node.op_type
    spatial = len(x.shape) - 2
    if spatial not in (1, 2) or x.dtype == "float32":
        node.leave("a pool of images or signals of integers", f"{x.dtype} {x.shape}")
    kernel = size = pair(x.shape[1:-1])
    strides, pads = (1, 1), NO_PADS
    if kind in POOLS:
        kernel, strides = (sizes(node, name, spatial) for name in ("kernel_shape", "strides"))
        pads = pads_of(node, spatial)
        if sizes(node, "dilations", spatial) != (1, 1):
            found = node.list("dilations", spatial, 1, least=1)
            node.warn(f"ESP-DL dilates no pool. Found: {found}. The PC follows the chip.")
    extent = output_extent(size, kernel, pads, strides, (1, 1))
    y = node.typed((x.shape[0], *extent[2 - spatial :], x.shape[-1]))
    node.call(POOLS[kind.removeprefix("Global")](x, y, kernel, pads, strides))


def window_settings(step: StepView, spatial: int, kernel: Shape) -> dict[str, Setting]:
    """What all of them state; no signal is padded above or below."""
    operator: Convolution | Pool = step.operator
    top, left, bottom, right = operator.pads
    if spatial == 1 and (top, bottom) != (0, 0):
        step.refuse("a signal that is padded above or below", operator.pads)
    return {
        "kernel_shape": kernel[-spatial:],
        "pads": (left, right) if spatial == 1 else operator.pads,
        "strides": operator.strides[-spatial:],
    }


def write_pool(step: StepView) -> None:
    """A mean over all of an image is a GlobalAveragePool."""
    operator: Pool = step.operator
    average = isinstance(operator, AveragePool2d)
    whole = operator.kernel == operator.image.shape[1:3] and not any(operator.pads)
    if average and whole and operator.strides == (1, 1):
        step.node("GlobalAveragePool")
        return
    settings = {"ceil_mode": 0, **window_settings(step, len(operator.x.shape) - 2, operator.kernel)}
    if average:
        settings["count_include_pad"] = 1
    step.node("AveragePool" if average else "MaxPool", settings=settings)


def read_resize(node: NodeView) -> None:
    """Of nearest, the chip has one kind of coordinates, whatever the node says."""
    x = node.tensor()
    if len(x.shape) not in (3, 4):
        node.leave("an image or a signal", x.shape)
    size, scales = _resized(node, x)
    y = node.typed((x.shape[0], *size, x.shape[-1]))
    mode = node.string("mode", "nearest")
    if mode == "nearest":
        _read_nearest(node, ResizeNearest(x, y), scales)
        return
    if mode != "linear":
        node.leave("a mode of resizing", mode, "nearest, linear")
    coordinates = node.string("coordinate_transformation_mode", "half_pixel")
    if coordinates != "align_corners":
        coordinates = "half_pixel"
    if scales:
        node.leave("scales that give no whole size", list(map(float, scales)), "whole sizes")
    node.call(ResizeLinear(x, y, coordinates))


def _resized(node: NodeView, x: Tensor) -> tuple[tuple[int, ...], list[np.float32]]:
    """The new size, and the scales where they are not those of the size."""
    size = x.shape[1:-1]
    if node.has(2) and node.stored(2).flat().size:
        scales = [np.float32(scale) for scale in node.stored(2).flat()[2:]]
        result = tuple(int(np.float32(n) * s) for n, s in zip(size, scales, strict=True))
        of_sizes = [np.float32(r / n) for r, n in zip(result, size, strict=True)]
        return result, scales if of_sizes != scales else []
    return node.integers(3)[2:], []


def _read_nearest(node: NodeView, operator: ResizeNearest, scales: list[np.float32]) -> None:
    """A record knows sizes alone: where scales say otherwise, pixels are gathered as they say."""
    if not scales:
        node.call(operator)
        return
    moves = operator.shift == 0 or not operator.wraps(node.chip)
    if not node.apart or not moves:
        node.leave("scales that give no whole size", list(map(float, scales)), "whole sizes")
    places = [
        nearest_pixels(before, after, np.float32(1) / scale)
        for before, after, scale in zip(
            operator.x.shape[1:-1], operator.y.shape[1:-1], scales, strict=True
        )
    ]
    node.call_parts(gathered(operator, places), [node.operand(0)])


def write_resize(step: StepView) -> None:
    """Scales; sizes where no scale gives them."""
    operator: Resize = step.operator
    inputs = [step.operand(0), "", *_scales(step, operator)]
    if isinstance(operator, ResizeLinear):
        settings = {"mode": "linear", "coordinate_transformation_mode": operator.coordinates}
    else:
        asymmetric = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        settings = {"mode": "nearest", **asymmetric}
    step.node("Resize", inputs, settings)


def _scales(step: StepView, operator: Resize) -> list[str]:
    before, after = operator.x.shape[1:-1], operator.y.shape[1:-1]
    scales = [np.float32(y) / np.float32(x) for x, y in zip(before, after, strict=True)]
    found = [int(np.float32(x) * scale) for x, scale in zip(before, scales, strict=True)]
    if found == list(after):
        return [step.constant("scales", np.array([1, 1, *scales], np.float32))]
    batch, channels = operator.y.shape[0], operator.y.shape[-1]
    return ["", step.indices("sizes", (batch, channels, *after))]


READERS: Readers = {
    "Resize": read_resize,
    **dict.fromkeys((*POOLS, *(f"Global{kind}" for kind in POOLS)), read_pool),
}
WRITERS: Writers = {
    **{kind.name: write_pool for kind in POOLS.values()},
    **dict.fromkeys((ResizeLinear.name, ResizeNearest.name), write_resize),
}
