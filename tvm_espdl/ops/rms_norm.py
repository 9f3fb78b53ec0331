"""rms_norm: the trailing dimensions divided by their root mean square, then scaled."""

from __future__ import annotations

import math

import numpy as np

from ..chips import Chip
from .base import FieldValue, Normalization, Tensor, rule, sum_of_squares
from .base.rounding import Array, power_of_two, round_float, saturate


class RmsNorm(Normalization):
    """`y = saturate(round(x * (1 / sqrt(mean(x**2) + epsilon) * 2**(xe - oe)) * scale))`.

    Everything but the sum of squares, which is exact, is float32.

    Attributes
    ----------
    scale : Tensor
        float32, of the shape of the normalized dimensions.
    axis : int
        The first normalized dimension, not negative; all behind it are normalized together.
    epsilon : float
        Above 0.
    """

    scale: Tensor
    axis: int
    epsilon: float = 1e-5

    name = "rms_norm"
    constant_fields = ("scale",)

    @property
    def extent(self) -> int:
        """Elements that are normalized together."""
        return math.prod(self.x.shape[self.axis :])

    @property
    def square_unit(self) -> np.float32:
        """The value of a square of 1."""
        return power_of_two(2 * self.x.uniform_exponent)

    @property
    def ratio(self) -> np.float32:
        """The factor from input integers to output integers."""
        return power_of_two(self.x.uniform_exponent - self.y.uniform_exponent)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_rms_normalization.hpp`, `dl_base_norm.cpp`.

        The assembly of the vector chips, `dl/base/isa/*/*_rms_normalization.S`, rounds after the
        same steps.
        """
        x = arrays[0].reshape(-1, self.extent)
        scale = arrays[1].ravel()
        mean = sum_of_squares(x) * self.square_unit / np.float32(self.extent)
        inverse = np.float32(1) / np.sqrt(mean + np.float32(self.epsilon)) * self.ratio
        with np.errstate(all="ignore"):
            result = x.astype(np.float32) * inverse[:, None] * scale
        return saturate(round_float(result, chip), self.y.dtype).reshape(self.y.shape)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """How often and how many, units, epsilon, and the chip's rounding."""
        return {
            "outer": self.x.size // self.extent,
            "extent": self.extent,
            "square_unit": float(self.square_unit),
            "epsilon": float(np.float32(self.epsilon)),
            "ratio": float(self.ratio),
            "half_even": int(chip.rounding == "half_even"),
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """The factor of each element."""
        return {"scale": constants[0].ravel()}

    @rule(allowed="above 0", fix="set epsilon to 1e-5")
    def epsilon_is_positive(self, chip: Chip) -> str | None:
        """Epsilon is above 0, for the kernel divides by the root of it and the mean square."""
        return None if np.float32(self.epsilon) > 0 else f"epsilon {self.epsilon}"

    @rule(allowed="one factor for each normalized element", fix="repeat the scale")
    def scale_is_whole(self, chip: Chip) -> str | None:
        """The scale is float32 and has as many elements as are normalized together."""
        fits = self.scale.dtype == "float32" and self.scale.size == self.extent
        return None if fits else f"{self.scale.dtype}, {self.scale.size} of {self.extent}"
