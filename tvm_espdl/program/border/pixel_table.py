"""The step in front of a network that takes pixels; no operator of any model becomes it."""

from __future__ import annotations

import numpy as np

from ...chips import Chip
from ...ops import Tensor
from ...ops.base import Array, FieldValue, Unary
from .pixel_form import SHADES


class PixelTable(Unary):
    """`y[..., c] = table[c][x[..., c]]`: the integers of uint8 pixels (1, H, W, C).

    Attributes
    ----------
    channels_first : bool
        Whether y is (1, C, H, W); else it is like x.
    """

    channels_first: bool = False

    name = "pixel_table"
    family = "conversion"

    @classmethod
    def in_esp_dl(cls) -> bool:
        """ESP-DL quantizes pixels one by one, in float."""
        return False

    @property
    def suffix(self) -> str:
        """The type of the result."""
        return self.y.suffix

    @property
    def constants(self) -> tuple[Tensor, ...]:
        """The tables of all channels."""
        return (Tensor(self.y.dtype, (self.x.shape[-1], SHADES), self.y.exponent),)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """A lookup, and a transpose."""
        pixels, table = arrays
        found = table[np.arange(self.x.shape[-1]), pixels.astype(np.int64)]
        return np.ascontiguousarray(found.transpose(0, 3, 1, 2) if self.channels_first else found)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Extents, and the steps through y from a pixel to the next, and from a channel."""
        channels = self.x.shape[-1]
        pixels = self.x.size // channels
        pixel, channel = (1, pixels) if self.channels_first else (channels, 1)
        return {
            "pixels": pixels,
            "channels": channels,
            "pixel_stride": pixel,
            "channel_stride": channel,
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """The tables, one behind the other."""
        return {"table": constants[0]}
