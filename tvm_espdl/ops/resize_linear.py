"""resize_linear: every pixel of the result is weighed from four (two) of the input."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import FieldValue, Resize, ShiftedScales, inverse_scale, rule
from .base.rounding import Array, power_of_two, round_float, saturate

COORDINATES = ("half_pixel", "align_corners")


class ResizeLinear(ShiftedScales, Resize):
    """Rows are combined horizontally, then vertically; all in float32, each step rounded.

    On a chip the compiler may join a product and a sum into one step, which changes the last bit
    of the float.

    Attributes
    ----------
    coordinates : str
        ONNX's `coordinate_transformation_mode`.
    """

    coordinates: str = "half_pixel"

    name = "resize_linear"

    @property
    def macs(self) -> int:
        """Two in each direction."""
        rows, columns = self.input_size[0], self.output_size[1]
        horizontal = 2 * rows * columns * self.x.shape[-1]
        return 2 * self.y.size if self.is_signal else horizontal + 2 * self.y.size

    def places(self, axis: int) -> tuple[Array, Array]:
        """First of the two source pixels (int32) and weight of the second (float32), for each y.

        Source: ESP-DL `dl/base/dl_base_resize.cpp`, `linear_coeffs`.
        """
        inputs, outputs = self.input_size[axis], self.output_size[axis]
        if axis == 0 and self.is_signal:
            return np.zeros(1, np.int32), np.zeros(1, np.float32)
        position = np.arange(outputs, dtype=np.float32)
        if self.coordinates == "align_corners":
            place = position * inverse_scale(inputs - 1, outputs - 1)
        else:
            half = np.float32(0.5)
            place = (position + half) * inverse_scale(inputs, outputs) - half
        first = np.floor(place)
        weight = place - first
        weight = np.where(first < 0, np.float32(0), weight)
        weight = np.where(first >= inputs - 1, np.float32(1), weight).astype(np.float32)
        return np.clip(first, 0, inputs - 2).astype(np.int32), weight

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_resize.cpp`, `resize_linear_c1`."""
        image = arrays[0].reshape(*self.input_size, -1).astype(np.float32)
        real = image * power_of_two(self.x.uniform_exponent)
        column, right = self.places(1)
        weighed = _mix(real[:, column], real[:, column + 1], right[None, :, None])
        if not self.is_signal:
            row, below = self.places(0)
            weighed = _mix(weighed[row], weighed[row + 1], below[:, None, None])
        scaled = weighed * power_of_two(-self.y.uniform_exponent)
        return saturate(round_float(scaled, chip), "int8").reshape(self.y.shape)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Sizes, scales, and the chip's rounding."""
        return {
            **self.size_fields(),
            "input_scale": float(power_of_two(self.x.uniform_exponent)),
            "output_scale": float(power_of_two(-self.y.uniform_exponent)),
            "half_even": int(chip.rounding == "half_even"),
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """Places and weights in both directions."""
        (rows, below), (columns, right) = self.places(0), self.places(1)
        return {"rows": rows, "below": below, "columns": columns, "right": right}

    @rule(allowed="half_pixel and align_corners", fix="export with one of them")
    def coordinates_are_known(self, chip: Chip) -> str | None:
        """Coordinates are those of half_pixel or align_corners."""
        known = self.coordinates in COORDINATES
        return None if known else f"coordinates {self.coordinates}"

    @rule(allowed="2 pixels or more in each resized direction", fix="copy the pixel instead")
    def has_two_pixels(self, chip: Chip) -> str | None:
        """The image has at least 2 pixels in each resized direction.

        With align_corners, the result too.
        """
        sizes = [self.input_size]
        if self.coordinates == "align_corners":
            sizes.append(self.output_size)
        fits = all(min(size[1:] if self.is_signal else size) >= 2 for size in sizes)
        return None if fits else f"{self.input_size} to {self.output_size}"


def _mix(first: Array, second: Array, weight: Array) -> Array:
    return first * (np.float32(1) - weight) + second * weight
