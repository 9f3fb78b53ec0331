"""resize_nearest: every pixel of the result is one of the input; the exponent may change."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, Resize, inverse_scale, rule, saturate, shift_and_round, wrap


class ResizeNearest(Resize):
    """`y[i, j] = round(x[int(i * down), int(j * right)] >> (oe - xe))`.

    Attributes
    ----------
    coordinates : str
        ONNX's `coordinate_transformation_mode`.
    rounding : str
        ONNX's `nearest_mode`.
    """

    coordinates: str = "asymmetric"
    rounding: str = "floor"

    name = "resize_nearest"
    has_vector_kernel = True

    @property
    def shift(self) -> int:
        """Right shift from input to output."""
        return self.y.uniform_exponent - self.x.uniform_exponent

    def sources(self) -> tuple[Array, Array]:
        """The row and the column of x for each row and each column of y, int32."""
        rows, columns = (
            nearest_pixels(inputs, outputs, inverse_scale(inputs, outputs))
            for inputs, outputs in zip(self.input_size, self.output_size, strict=True)
        )
        return rows, columns

    def wraps(self, chip: Chip) -> bool:
        """Whether integers that left shifts make too large lose their upper bits."""
        return chip.resize_wraps

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_resize.cpp`, `resize_nearest_c1`; saturating in `isa`."""
        rows, columns = self.sources()
        pixels = arrays[0].reshape(*self.input_size, -1)[rows][:, columns]
        shifted = shift_and_round(pixels.astype(np.int64), self.shift, chip)
        y = wrap(shifted, 8).astype(np.int8) if self.wraps(chip) else saturate(shifted, "int8")
        return y.reshape(self.y.shape)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Sizes, the shift, and how the chip rounds and saturates."""
        return {
            **self.size_fields(),
            "shift": self.shift,
            "half_even": int(chip.rounding == "half_even"),
            "wraps": int(self.wraps(chip)),
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """Sources in both directions."""
        return dict(zip(("rows", "columns"), self.sources(), strict=True))

    @rule(
        allowed="coordinates asymmetric with nearest_mode floor",
        fix="export with these, as PyTorch's Upsample does",
    )
    def coordinates_are_asymmetric(self, chip: Chip) -> str | None:
        """The nearest pixel is the one at the rounded down asymmetric coordinate."""
        if (self.coordinates, self.rounding) == ("asymmetric", "floor"):
            return None
        return f"coordinates {self.coordinates} with nearest_mode {self.rounding}"

    @rule(
        allowed="16 channels or more, or twice the rows and columns",
        fix="pad the channels",
        otherwise="portable",
    )
    def channels_fill_a_vector(self, chip: Chip) -> str | None:
        """On chips with vectors, other scales than 2x2 need at least 16 channels.

        ESP-DL v3.3.9 does not load its scale for fewer channels.
        """
        rows, columns = self.input_size
        twice = self.output_size == (2 * rows, 2 * columns) and not self.is_signal
        if not chip.vector_bytes or twice or self.x.shape[-1] >= 16:
            return None
        return f"{self.x.shape[-1]} channels"

    @rule(allowed="shifts from -6 to 15", fix="bring the exponents closer together")
    def shift_fits_vectors(self, chip: Chip) -> str | None:
        """Values are shifted left by at most 6 bits, for which 8 bits hold the factor."""
        return None if -6 <= self.shift <= 15 else f"shift {self.shift}"


def nearest_pixels(inputs: int, outputs: int, inverse: np.float32) -> Array:
    """The pixel of a line of `inputs` for each of `outputs`, int32; `inverse` of them is a step."""
    places = (np.arange(outputs, dtype=np.float32) * inverse).astype(np.int32)
    return np.minimum(places, inputs - 1).astype(np.int32)
