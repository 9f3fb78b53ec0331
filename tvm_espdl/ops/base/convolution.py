"""What conv2d and depthwise_conv2d share: fields, rules, shapes. It is no operator of its own."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...chips import Chip
from .accumulate import accumulate, finish
from .ccall import PITCH, CCall, FieldValue
from .operator import rule
from .packing import convolution_call
from .rounding import Array
from .weighted import Weighted
from .window import OneImage, Pads, Pair, effective_extent, output_extent, patches


class Convolution(OneImage, Weighted):
    """A convolution with an optional bias and a fused activation; 2-D unless said otherwise.

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

    pads: Pads = (0, 0, 0, 0)
    strides: Pair = (1, 1)
    dilations: Pair = (1, 1)
    activation: str = "linear"

    channels_last: ClassVar[bool] = True

    @property
    def size(self) -> Pair:
        """Rows and columns of the image."""
        return self.x.shape[1], self.x.shape[2]

    @property
    def result_size(self) -> Pair:
        """Rows and columns of the result."""
        return self.y.shape[1], self.y.shape[2]

    @property
    def kernel(self) -> Pair:
        """Rows and columns of the filter."""
        return self.w.shape[2], self.w.shape[3]

    @property
    def macs(self) -> int:
        """Products: outputs times filter taps."""
        return self.y.size * self.w.size // self.w.shape[0]

    def positions(self, windows: Array) -> Array:
        """`(positions, products)`, as `accumulate` takes them, from what `patches` gives."""
        return windows.reshape(-1, self.w.size // self.w.shape[0])

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: what the class names, and `accumulate`."""
        x, *constants = arrays
        terms = self.summed(*constants)
        assert terms is not None
        windows = patches(x, self.kernel, self.pads, self.strides, self.dilations)
        sums = accumulate(
            chip,
            self.positions(windows),
            terms.weights,
            terms.bias,
            run=self.w.shape[1],
            lanes_only=terms.lanes_only,
        )
        return finish(sums, self.shift(chip), self.activation, self.y, chip).reshape(self.y.shape)

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_<name>_s8` or `_s16`, filter and bias packed for the chip."""
        w, *b = constants
        terms = self.summed(w)
        depthwise = terms is not None and terms.lanes_only
        bias, fields = b[0] if b else None, self.window_fields()
        return convolution_call(chip, self.name, self, w, bias, fields=fields, depthwise=depthwise)

    def output_extent(self) -> Pair:
        """Rows and columns that the fields give for y."""
        return output_extent(self.size, self.kernel, self.pads, self.strides, self.dilations)

    def window_fields(self) -> dict[str, FieldValue]:
        """Members of the C descriptor that describe image, window and result."""
        return {
            "input_height": self.size[0],
            "input_width": self.size[1],
            "input_channels": self.x.shape[-1],
            "output_height": self.result_size[0],
            "output_width": self.result_size[1],
            "output_channels": self.y.shape[-1],
            PITCH: self.y.shape[-1],
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
            "pad_top": self.pads[0],
            "pad_left": self.pads[1],
            "stride_y": self.strides[0],
            "stride_x": self.strides[1],
            "dilation_y": self.dilations[0],
            "dilation_x": self.dilations[1],
        }

    @rule(
        allowed="padding smaller than the kernel",
        fix="pad in a node of its own",
        otherwise="portable",
    )
    def padding_is_inside_kernel(self, chip: Chip) -> str | None:
        """Padding on each side is smaller than the dilated kernel, or the kernel misreads memory.

        ESP-DL v3.3.9 reads outside the image for windows that lie wholly in the padding.
        """
        rows, columns = effective_extent(self.kernel, self.dilations)
        if max(self.pads[0], self.pads[2]) < rows and max(self.pads[1], self.pads[3]) < columns:
            return None
        return f"padding {self.pads} with a kernel spanning {rows}x{columns}"

    @rule(
        allowed="an image that holds the kernel without its tail padding",
        fix="stride 1",
        otherwise="portable",
    )
    def stride_fits_before_tail(self, chip: Chip) -> str | None:
        """With a stride above 1, image plus leading padding holds a whole dilated kernel.

        Otherwise ESP-DL v3.3.9 counts one row too many and reads past the image.
        """
        extent = effective_extent(self.kernel, self.dilations)
        for axis, side in enumerate(("rows", "columns")):
            held = self.size[axis] + self.pads[axis]
            if self.strides[axis] > 1 and held < extent[axis]:
                return f"{held} {side} for a kernel spanning {extent[axis]}"
        return None

    @rule(
        allowed="a tap inside the image for every output",
        fix="less dilation or padding",
        otherwise="portable",
    )
    def every_window_touches_image(self, chip: Chip) -> str | None:
        """Every window has at least one tap inside the image (dilation can step over it)."""
        for axis, side in enumerate(("row", "column")):
            taps = np.arange(self.kernel[axis]) * self.dilations[axis] - self.pads[axis]
            outputs = np.arange(self.result_size[axis])
            at = taps + outputs[:, np.newaxis] * self.strides[axis]
            touches = ((at >= 0) & (at < self.size[axis])).any(axis=1)
            if not touches.all():
                return f"output {side} {touches.argmin()} has none"
        return None
