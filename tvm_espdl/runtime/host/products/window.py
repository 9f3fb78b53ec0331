"""What a sum of products is: the window that slides over an image, and what follows the sum.

It holds numbers only; it never emits code.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....ops.base.window import Pads, Pair


@dataclass(frozen=True)
class Window:
    """A window slid over an image.

    Attributes
    ----------
    image, output : tuple of int
        Rows, columns, channels.
    pads : tuple of int
        Top, left, bottom, right.
    """

    image: tuple[int, int, int]
    output: tuple[int, int, int]
    kernel: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    strides: Pair = (1, 1)
    dilations: Pair = (1, 1)

    @property
    def padded(self) -> tuple[int, int, int]:
        """The image with its padding."""
        (rows, columns, channels), (top, left, bottom, right) = self.image, self.pads
        return rows + top + bottom, columns + left + right, channels

    @property
    def extent(self) -> Pair:
        """Rows and columns that one window spans."""
        (rows, columns), (down, across) = self.kernel, self.dilations
        return (rows - 1) * down + 1, (columns - 1) * across + 1


@dataclass(frozen=True)
class Finish:
    """What follows the sum.

    Attributes
    ----------
    shifts : tuple of int
        Right shift to the output's exponent: one, or one for each output channel.
    dtype : str
        Type of image, weights and output.
    relu : bool
        Whether negative results become 0.
    """

    shifts: tuple[int, ...]
    dtype: str
    relu: bool
