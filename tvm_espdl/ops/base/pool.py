"""What the pools share: fields, shapes, the C descriptor. It is no operator of its own."""

from __future__ import annotations

from typing import ClassVar

from ...chips import Chip
from .ccall import FieldValue
from .operator import Tensor, rule
from .rounding import Array
from .unary import OneType
from .window import OneImage, Pads, Pair, output_extent, patches, with_rows


class Pool(OneImage, OneType):
    """A window slid over an image `(1, H, W, C)` or a signal `(1, W, C)`; int8 or int16.

    A signal is an image of one row, as ESP-DL has it: kernel, pads and strides are those of it.

    Attributes
    ----------
    kernel : tuple of int
        Rows, columns.
    pads : tuple of int
        Top, left, bottom, right.
    strides : tuple of int
        Rows, columns.
    """

    kernel: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    strides: Pair = (1, 1)

    family: ClassVar[str] = "window"
    channels_last: ClassVar[bool] = True
    descriptor = "espdl_pool_t"

    @property
    def image(self) -> Tensor:
        """The input, with rows."""
        return with_rows(self.x)

    @property
    def result(self) -> Tensor:
        """The output, with rows."""
        return with_rows(self.y)

    def output_extent(self) -> Pair:
        """Rows and columns that the fields give for y."""
        size = self.image.shape[1], self.image.shape[2]
        return output_extent(size, self.kernel, self.pads, self.strides, (1, 1))

    def windows(self, x: Array, fill: int) -> Array:
        """`(OH, OW, KH, KW, C)`: every window, with `fill` for the padding."""
        image = x.reshape(self.image.shape)
        return patches(image, self.kernel, self.pads, self.strides, (1, 1), fill=fill)

    def window_fields(self) -> dict[str, FieldValue]:
        """Members of the C descriptor that describe image, window and result."""
        return {
            "input_height": self.image.shape[1],
            "input_width": self.image.shape[2],
            "channels": self.image.shape[3],
            "output_height": self.result.shape[1],
            "output_width": self.result.shape[2],
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
            "pad_top": self.pads[0],
            "pad_left": self.pads[1],
            "stride_y": self.strides[0],
            "stride_x": self.strides[1],
        }

    @rule(allowed="padding smaller than the kernel", fix="pad in a node of its own")
    def padding_is_inside_kernel(self, chip: Chip) -> str | None:
        """Padding on each side is smaller than the kernel."""
        rows, columns = self.kernel
        if max(self.pads[0], self.pads[2]) < rows and max(self.pads[1], self.pads[3]) < columns:
            return None
        return f"padding {self.pads} with a {rows}x{columns} kernel"

    @rule(allowed="the extent of floor mode", fix="export the model with ceil_mode=0")
    def extent_is_of_floor_mode(self, chip: Chip) -> str | None:
        """The number of windows is rounded down: there is no ceil mode."""
        extent = self.result.shape[1], self.result.shape[2]
        return None if extent == self.output_extent() else f"{extent} windows"
