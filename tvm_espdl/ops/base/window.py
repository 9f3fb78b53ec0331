"""Sliding windows over NHWC images: extents, patches, and what convolutions and pools keep to.

Shapes only; no arithmetic on values.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...chips import Chip
from .operator import Operator, Tensor, rule
from .rounding import Array

Pads = tuple[int, int, int, int]
Pair = tuple[int, int]


def effective_extent(kernel: Pair, dilations: Pair) -> Pair:
    """Rows and columns that a dilated kernel spans."""
    return (dilations[0] * (kernel[0] - 1) + 1, dilations[1] * (kernel[1] - 1) + 1)


def output_extent(size: Pair, kernel: Pair, pads: Pads, strides: Pair, dilations: Pair) -> Pair:
    """Rows and columns of the result: `floor((n + pads - extent) / stride) + 1`.

    `pads` are (top, left, bottom, right), as in ONNX.
    """
    extent = effective_extent(kernel, dilations)
    return (
        (size[0] + pads[0] + pads[2] - extent[0]) // strides[0] + 1,
        (size[1] + pads[1] + pads[3] - extent[1]) // strides[1] + 1,
    )


def patches(
    image: Array, kernel: Pair, pads: Pads, strides: Pair, dilations: Pair, *, fill: int = 0
) -> Array:
    """Every window of an image.

    Parameters
    ----------
    image : numpy.ndarray
        `(1, H, W, C)`.
    fill : int
        Value of the padding.

    Returns
    -------
    numpy.ndarray
        `(OH, OW, KH, KW, C)`.
    """
    padded = np.pad(
        image[0],
        ((pads[0], pads[2]), (pads[1], pads[3]), (0, 0)),
        constant_values=image.dtype.type(fill),
    )
    extent = effective_extent(kernel, dilations)
    windows = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(0, 1))
    windows = windows[:: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]
    return np.moveaxis(windows, 2, -1)


def with_rows(tensor: Tensor) -> Tensor:
    """The tensor of an image; a signal gets one row."""
    shape = tensor.shape
    if len(shape) == 4:
        return tensor
    return dataclasses.replace(tensor, shape=(shape[0], 1, *shape[1:]))


class OneImage(Operator):
    """An operator that takes images."""

    x: Tensor
    y: Tensor

    @rule(allowed="batch 1", fix="run the samples one after the other")
    def batch_is_one(self, chip: Chip) -> str | None:
        """The operator takes one image at a time."""
        return None if self.x.shape[0] == 1 else f"batch {self.x.shape[0]}"
