"""prelu: values below zero are multiplied with a factor of their channel."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, Tensor, Unary, rule, saturate, shift_and_round, wrap

LARGEST_SHIFT = 31
LARGEST_SCALE_BITS = 6


class Prelu(Unary):
    """`y = x` for x > 0, else `x * alpha[channel] >> (oe - xe - ae)`; NHWC; rounding by chip.

    Attributes
    ----------
    alpha : Tensor
        One factor per channel, of the same type.
    steepest : int
        Largest magnitude among the factors' integers.
    """

    alpha: Tensor
    steepest: int = 0

    name = "prelu"
    has_vector_kernel = True
    family = "activation"
    constant_fields = ("alpha",)
    in_place = (0,)
    channels_last = True

    @property
    def change(self) -> int:
        """Output exponent minus input exponent."""
        return self.y.uniform_exponent - self.x.uniform_exponent

    @property
    def shift(self) -> int:
        """Right shift of the products."""
        return self.change - self.alpha.uniform_exponent

    def rescales(self, chip: Chip) -> bool:
        """Whether positive values are brought to the output's exponent, and products rounded."""
        return chip.vector_bytes > 0 and self.x.dtype == "int8"

    def wraps(self, chip: Chip) -> bool:
        """Whether products that do not fit lose their upper bits instead of being saturated."""
        return chip.prelu_wraps(self.x.dtype)

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_prelu.cpp` and `dl/base/isa/*/dl_*_prelu.S`."""
        x, product = arrays[0], arrays[0].astype(np.int64) * arrays[1].ravel().astype(np.int64)
        above = x.astype(np.int64)
        if self.rescales(chip):
            above = saturate(shift_and_round(above, self.change, chip), self.y.dtype)
            below = shift_and_round(product, self.shift, chip)
        else:
            below = product >> max(self.shift, 0) << max(-self.shift, 0)
        if self.wraps(chip):
            below = wrap(below, 8 * x.itemsize)
        return np.where(x > 0, above, saturate(below, self.y.dtype)).astype(self.y.dtype)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Sizes, shifts, and how the chip rounds and saturates."""
        return {
            "pixels": self.x.size // self.x.shape[-1],
            "channels": self.x.shape[-1],
            "shift": self.shift,
            "change": self.change if self.rescales(chip) else 0,
            "rounds": int(self.rescales(chip)),
            "wraps": int(self.wraps(chip)),
            "half_even": int(chip.rounding == "half_even"),
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """The factors."""
        return {"alpha": constants[0].ravel()}

    @rule(
        allowed="four dimensions and batch 1",
        fix="reshape to (1, channels, height, width)",
        otherwise="portable",
    )
    def input_is_one_image(self, chip: Chip) -> str | None:
        """The input is one image, for the kernel reads height, width and channels of it."""
        if len(self.x.shape) == 4 and self.x.shape[0] == 1:
            return None
        return f"shape {self.x.shape}"

    @rule(allowed="one factor per channel, of the input's type", fix="quantize alpha like x")
    def alpha_fits_channels(self, chip: Chip) -> str | None:
        """Alpha has one factor per channel, one exponent, and the type of input and output."""
        alpha = self.alpha
        per_channel = alpha.size == self.x.shape[-1] and isinstance(alpha.exponent, int)
        if per_channel and alpha.dtype == self.x.dtype == self.y.dtype:
            return None
        return f"{alpha.dtype} alpha of shape {alpha.shape}, exponent {alpha.exponent}"

    @rule(
        allowed="one exponent for input and output",
        fix="requantize the output",
        otherwise="followed",
    )
    def positive_values_are_copied(self, chip: Chip) -> str | None:
        """Input and output have one exponent, except for int8 data on chips with vectors.

        The other kernels copy positive values as they are even if the exponents differ.
        """
        if self.change == 0 or self.rescales(chip):
            return None
        return f"exponents {self.x.exponent} and {self.y.exponent}"

    @rule(allowed=f"at most {LARGEST_SCALE_BITS} bits", fix="quantize the output more coarsely")
    def scale_fits_int8(self, chip: Chip) -> str | None:
        """Positive values are shifted left by 6 bits at most, for the scale is kept in 8 bits."""
        if -self.change <= LARGEST_SCALE_BITS:
            return None
        return f"a left shift by {-self.change}"

    @rule(allowed=f"0 to {LARGEST_SHIFT}", fix="quantize alpha with another exponent")
    def shift_fits(self, chip: Chip) -> str | None:
        """Products are shifted right, by 0 to 31 bits."""
        if not isinstance(self.alpha.exponent, int) or 0 <= self.shift <= LARGEST_SHIFT:
            return None
        return f"a right shift by {self.shift}"

    @rule(
        allowed="results within the type",
        fix="quantize the output more coarsely",
        otherwise="followed",
    )
    def products_do_not_wrap(self, chip: Chip) -> str | None:
        """Where the kernel keeps only the low bits of a product, no product exceeds the type.

        These are int16 data on the ESP32-S3 and int8 data on the ESP32-P4 and ESP32-S31.
        """
        if not isinstance(self.alpha.exponent, int) or not self.wraps(chip):
            return None
        limits = np.iinfo(self.x.dtype)
        product = self.steepest * -int(limits.min)
        largest = (product + (1 << self.shift >> 1)) >> self.shift if self.shift >= 0 else product
        return None if largest <= limits.max else f"a product of {largest} after the shift"
