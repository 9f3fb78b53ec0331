"""Nodes that change rows and columns of images: Resize, DepthToSpace, SpaceToDepth.

Sizes are in ONNX's order, channels first, while the data have channels last.
Source: ESP-DL `dl/module/include/dl_module_{resize,depth_to_space,space_to_depth}.hpp`.
"""

from __future__ import annotations

import numpy as np

from ...ops import Tensor
from ...ops.base.resize import Resize
from ...ops.depth_to_space import DepthToSpace
from ...ops.resize_linear import ResizeLinear
from ...ops.resize_nearest import ResizeNearest
from ...ops.space_to_depth import SpaceToDepth
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers, plain


def read_resize(node: NodeView) -> None:
    """Of nearest, the chip has one kind of coordinates, whatever the node says."""
    x = node.tensor()
    if len(x.shape) not in (3, 4):
        node.refuse("an image or a signal", x.shape)
    y = node.typed((x.shape[0], *_resized(node, x), x.shape[-1]))
    mode = node.string("mode", "nearest")
    if mode == "nearest":
        node.call(ResizeNearest(x, y))
        return
    if mode != "linear":
        node.refuse("a mode of resizing", mode, "nearest, linear")
    coordinates = node.string("coordinate_transformation_mode", "half_pixel")
    if coordinates != "align_corners":
        coordinates = "half_pixel"
    node.call(ResizeLinear(x, y, coordinates))


def _resized(node: NodeView, x: Tensor) -> tuple[int, ...]:
    size = x.shape[1:-1]
    if node.has(2) and node.stored(2).flat().size:
        scales = [np.float32(scale) for scale in node.stored(2).flat()[2:]]
        result = tuple(int(np.float32(n) * s) for n, s in zip(size, scales, strict=True))
        of_sizes = [np.float32(r / n) for r, n in zip(result, size, strict=True)]
        if of_sizes != scales:
            node.refuse("scales that give no whole size", list(map(float, scales)), "whole sizes")
        return result
    return node.integers(3)[2:]


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


def read_blocks(node: NodeView) -> None:
    """Channels become pixels, or pixels channels, these in the order of the chip, not of ONNX."""
    x, block = node.tensor(), node.integer("blocksize", 1)
    if len(x.shape) != 4:
        node.refuse("an image", x.shape, "4 dimensions")
    batch, rows, columns, channels = x.shape
    if node.node.op_type == "DepthToSpace":
        if block < 1 or channels % block**2:
            node.refuse("a block", block, f"a square root of a divisor of {channels}")
        y = node.typed((batch, rows * block, columns * block, channels // block**2))
        node.call(DepthToSpace(x, y, block, node.string("mode", "") or "DCR"))
        return
    if block < 1 or rows % block or columns % block:
        node.refuse("a block", block, f"a divisor of {rows} and {columns}")
    y = node.typed((batch, rows // block, columns // block, channels * block**2))
    node.call(SpaceToDepth(x, y, block, "CRD"))


READERS: Readers = {
    "DepthToSpace": read_blocks,
    "Resize": read_resize,
    "SpaceToDepth": read_blocks,
}
WRITERS: Writers = {
    DepthToSpace.name: plain("DepthToSpace", blocksize="block", mode="mode"),
    ResizeLinear.name: write_resize,
    ResizeNearest.name: write_resize,
    SpaceToDepth.name: plain("SpaceToDepth", blocksize="block"),
}
