"""Operators that choose or place elements: reshape, transpose, concat, slice, pad, gather, resize.

Source: ESP-DL `dl/module/include/dl_module_<name>.hpp`; indices are 64-bit integers.
"""

from __future__ import annotations

import numpy as np

from ...ops.base.resize import Resize
from ...ops.concat import Concat
from ...ops.depth_to_space import DepthToSpace
from ...ops.gather import Gather
from ...ops.insert_zeros import InsertZeros
from ...ops.pad import Pad
from ...ops.reshape import Reshape
from ...ops.resize_linear import ResizeLinear
from ...ops.resize_nearest import ResizeNearest
from ...ops.slice import Slice
from ...ops.space_to_depth import SpaceToDepth
from ...ops.transpose import Transpose
from ..draft import Setting
from ..step_view import Emitters, StepView


def reshape(step: StepView) -> None:
    """The new shape is a constant; an equal one is an Identity."""
    operator: Reshape = step.operator
    if operator.x.shape == operator.y.shape:
        step.node("Identity", [step.operand(0)])
        return
    shape = step.indices("shape", operator.y.shape)
    step.node("Reshape", [step.operand(0), shape], {"allowzero": 0})


def transpose(step: StepView) -> None:
    """The axes are an attribute."""
    step.node("Transpose", [step.operand(0)], {"perm": step.operator.axes})


def concat(step: StepView) -> None:
    """The runtime wants two parts or more; a single one is an Identity."""
    operator: Concat = step.operator
    parts = [step.operand(place) for place in range(len(operator.xs))]
    if len(parts) == 1:
        step.node("Identity", parts)
        return
    step.node("Concat", parts, {"axis": operator.axis})


def slice_(step: StepView) -> None:
    """Begins, ends, axes and steps of the axes that are not whole; of the first where all are."""
    operator: Slice = step.operator
    places = list(
        zip(operator.x.shape, operator.y.shape, operator.starts, operator.steps, strict=True)
    )
    axes = [
        axis
        for axis, (extent, count, start, stride) in enumerate(places)
        if (start, stride, count) != (0, 1, extent)
    ] or [0]
    lists = {
        "starts": [operator.starts[axis] for axis in axes],
        "ends": [_end(*places[axis]) for axis in axes],
        "axes": axes,
        "steps": [operator.steps[axis] for axis in axes],
    }
    step.node("Slice", [step.operand(0), *(step.indices(k, v) for k, v in lists.items())])


def _end(extent: int, count: int, start: int, stride: int) -> int:
    """One behind the last element; before the first one it is counted from the end."""
    last = start + (count - 1) * stride
    if stride > 0:
        return last + 1
    return last - 1 if last else -extent - 1


def pad(step: StepView) -> None:
    """Elements before all axes, then behind; the constant is in the tensor's own integers."""
    operator: Pad = step.operator
    inputs = [step.operand(0), step.indices("pads", (*operator.before, *operator.after))]
    if operator.mode == "constant":
        value = np.array([operator.value], operator.x.dtype)
        inputs.append(step.constant("value", value, None, operator.x.exponent))
    step.node("Pad", inputs, {"mode": operator.mode})


def gather(step: StepView) -> None:
    """Constant indices along an axis."""
    indices = step.constant("indices", step.constants[0].astype(np.int64), shared=True)
    step.node("Gather", [step.operand(0), indices], {"axis": step.operator.axis})


def resize(step: StepView) -> None:
    """Scales in ONNX's order, channels first; sizes where no scale gives them."""
    operator: Resize = step.operator
    inputs = [step.operand(0), "", *_scales(step, operator)]
    settings: dict[str, Setting] = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    if isinstance(operator, ResizeLinear):
        settings = {
            "mode": "linear",
            "coordinate_transformation_mode": operator.coordinates,
        }
    step.node("Resize", inputs, settings)


def _scales(step: StepView, operator: Resize) -> list[str]:
    before, after = operator.x.shape[1:-1], operator.y.shape[1:-1]
    scales = [np.float32(y) / np.float32(x) for x, y in zip(before, after, strict=True)]
    found = [int(np.float32(x) * scale) for x, scale in zip(before, scales, strict=True)]
    if found == list(after):
        return [step.constant("scales", np.array([1, 1, *scales], np.float32))]
    batch, channels = operator.y.shape[0], operator.y.shape[-1]
    return ["", step.indices("sizes", (batch, channels, *after))]


def depth_to_space(step: StepView) -> None:
    """Channels become pixels."""
    operator: DepthToSpace = step.operator
    settings: dict[str, Setting] = {"blocksize": operator.block, "mode": operator.mode}
    step.node("DepthToSpace", [step.operand(0)], settings)


def space_to_depth(step: StepView) -> None:
    """Pixels become channels."""
    step.node("SpaceToDepth", [step.operand(0)], {"blocksize": step.operator.block})


def insert_zeros(step: StepView) -> None:
    """Zeros between pixels, and behind the last ones."""
    operator: InsertZeros = step.operator
    axes = len(operator.x.shape) - 2
    settings: dict[str, Setting] = {
        "stride": operator.strides[-axes:],
        "output_padding": operator.tail[-axes:],
    }
    step.node("InsertZeros", [step.operand(0)], settings)


EMITTERS: Emitters = {
    Concat: concat,
    DepthToSpace: depth_to_space,
    Gather: gather,
    InsertZeros: insert_zeros,
    Pad: pad,
    Reshape: reshape,
    ResizeLinear: resize,
    ResizeNearest: resize,
    Slice: slice_,
    SpaceToDepth: space_to_depth,
    Transpose: transpose,
}
