"""What conv2d and depthwise_conv2d share: fields, rules, shapes. It is no operator of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..chips import Chip
from .ccall import FieldValue
from .operator import Operator, Tensor, rule
from .rounding import Array
from .window import Pads, Pair, effective_extent, output_extent


@dataclass(frozen=True)
class Convolution(Operator):
    """A 2-D convolution with an optional bias and a fused activation.

    Attributes
    ----------
    x : Tensor
        `(1, H, W, C)`, int8 or int16.
    w : Tensor
        Filter, OIHW, type of x; its exponent may be one per output channel.
    b : Tensor or None
        `(O,)`, int32 (int64 for int16 data), at exponent `x + w`.
    y : Tensor
        `(1, OH, OW, O)`, type of x.
    pads : tuple of int
        Top, left, bottom, right: zeros around the image.
    strides, dilations : tuple of int
        Rows, columns.
    activation : str
        `linear` or `relu`.
    """

    x: Tensor
    w: Tensor
    b: Tensor | None
    y: Tensor
    pads: Pads = (0, 0, 0, 0)
    strides: Pair = (1, 1)
    dilations: Pair = (1, 1)
    activation: str = "linear"

    channels_last: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The image."""
        return (self.x,)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """Filter, and bias when there is one."""
        return (self.w,) if self.b is None else (self.w, self.b)

    @property
    def output(self) -> Tensor:
        """The result."""
        return self.y

    @property
    def kernel(self) -> Pair:
        """Rows and columns of the filter."""
        return self.w.shape[2], self.w.shape[3]

    @property
    def shifts(self) -> tuple[int, ...]:
        """Right shift from the products to the output: one, or one per output channel."""
        of_filter = self.w.exponent
        exponents = of_filter if isinstance(of_filter, tuple) else (of_filter,)
        return tuple(
            self.y.uniform_exponent - self.x.uniform_exponent - int(e or 0) for e in exponents
        )

    @property
    def shift(self) -> int | Array:
        """`shifts` in the form that NumPy broadcasts over channels."""
        return self.shifts[0] if len(self.shifts) == 1 else np.array(self.shifts, np.int64)

    @property
    def macs(self) -> int:
        """Products: outputs times filter taps."""
        return self.y.size * self.w.size // self.w.shape[0]

    def output_extent(self) -> Pair:
        """Rows and columns that the fields give for y."""
        size = self.x.shape[1], self.x.shape[2]
        return output_extent(size, self.kernel, self.pads, self.strides, self.dilations)

    def window_fields(self) -> dict[str, FieldValue]:
        """Members of the C descriptor that describe image, window and result."""
        return {
            "input_height": self.x.shape[1],
            "input_width": self.x.shape[2],
            "input_channels": self.x.shape[3],
            "output_height": self.y.shape[1],
            "output_width": self.y.shape[2],
            "output_channels": self.y.shape[3],
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
            "pad_top": self.pads[0],
            "pad_left": self.pads[1],
            "stride_y": self.strides[0],
            "stride_x": self.strides[1],
            "dilation_y": self.dilations[0],
            "dilation_x": self.dilations[1],
        }

    @rule(allowed="batch 1", fix="run the samples one after the other")
    def batch_is_one(self, chip: Chip) -> str | None:
        """Convolutions take one image at a time."""
        return None if self.x.shape[0] == 1 else f"batch {self.x.shape[0]}"

    @rule(allowed="one exponent for the whole filter", fix="quantize without per_channel")
    def filter_exponents_suit_chip(self, chip: Chip) -> str | None:
        """A filter exponent per output channel needs the vectors of the ESP32-P4 or ESP32-S31."""
        if chip.per_channel or not isinstance(self.w.exponent, tuple):
            return None
        return f"{len(self.w.exponent)} exponents on {chip.name}"

    @rule(allowed="a shift of 0 or more", fix="raise the output's exponent")
    def shift_is_not_negative(self, chip: Chip) -> str | None:
        """On chips with vectors, the output exponent is at least input plus filter exponent."""
        if not chip.vector_bytes or min(self.shifts) >= 0:
            return None
        return f"shift {min(self.shifts)}"

    @rule(allowed="padding smaller than the kernel", fix="pad in a node of its own")
    def padding_is_inside_kernel(self, chip: Chip) -> str | None:
        """Padding on each side is smaller than the dilated kernel, or the kernel misreads memory.

        ESP-DL v3.3.9 reads outside the image for windows that lie wholly in the padding.
        """
        rows, columns = effective_extent(self.kernel, self.dilations)
        if max(self.pads[0], self.pads[2]) < rows and max(self.pads[1], self.pads[3]) < columns:
            return None
        return f"padding {self.pads} with a kernel spanning {rows}x{columns}"

    @rule(allowed="an image that holds the kernel without its tail padding", fix="stride 1")
    def stride_fits_before_tail(self, chip: Chip) -> str | None:
        """With a stride above 1, image plus leading padding holds a whole dilated kernel.

        Otherwise ESP-DL v3.3.9 counts one row too many and reads past the image.
        """
        extent = effective_extent(self.kernel, self.dilations)
        for axis, side in enumerate(("rows", "columns")):
            held = self.x.shape[1 + axis] + self.pads[axis]
            if self.strides[axis] > 1 and held < extent[axis]:
                return f"{held} {side} for a kernel spanning {extent[axis]}"
        return None

    @rule(allowed="a tap inside the image for every output", fix="less dilation or padding")
    def every_window_touches_image(self, chip: Chip) -> str | None:
        """Every window has at least one tap inside the image (dilation can step over it)."""
        for axis, side in enumerate(("row", "column")):
            taps = np.arange(self.kernel[axis]) * self.dilations[axis] - self.pads[axis]
            for output in range(self.y.shape[1 + axis]):
                at = taps + output * self.strides[axis]
                if not ((at >= 0) & (at < self.x.shape[1 + axis])).any():
                    return f"output {side} {output} has none"
        return None
