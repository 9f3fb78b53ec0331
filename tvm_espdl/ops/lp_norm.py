"""lp_norm: vectors along an axis divided by the sum of their absolute values or their length."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import FieldValue, Normalization, Operator, rule, split_at, sum_of_squares
from .base.rounding import Array, power_of_two, round_float, saturate


class LpNorm(Normalization):
    """`y = saturate(round(x * (1 / norm(x) * 2**-oe)))`, in float32; zero where the norm is.

    The input's exponent does not matter. Absolute values are added up in float32 in index order;
    the sum of squares is exact.

    Attributes
    ----------
    axis : int
        Not negative.
    p : int
        1: the sum of absolute values, 2: the root of the sum of squares.
    """

    axis: int
    p: int = 2

    name = "lp_norm"

    @property
    def extent(self) -> int:
        """Extent of the axis."""
        return self.x.shape[self.axis]

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_lp_normalization.hpp`."""
        x = np.moveaxis(arrays[0], self.axis, -1)
        if self.p == 1:
            ordered = np.add.accumulate(np.abs(x.astype(np.float32)), axis=-1, dtype=np.float32)
            norm = ordered[..., -1:]
        else:
            norm = np.sqrt(sum_of_squares(x))[..., None]
        with np.errstate(divide="ignore"):
            inverse = np.where(norm > 0, np.float32(1) / norm, np.float32(0))
        result = x.astype(np.float32) * (inverse * power_of_two(-self.y.uniform_exponent))
        y = saturate(round_float(result, chip), self.y.dtype)
        return np.ascontiguousarray(np.moveaxis(y, -1, self.axis))

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The blocks of x, which norm, the scale, and the chip's rounding."""
        outer, extent, inner = split_at(self.x.shape, self.axis)
        return {
            "outer": outer,
            "extent": extent,
            "inner": inner,
            "squares": int(self.p == 2),
            "output_scale": float(power_of_two(-self.y.uniform_exponent)),
            "half_even": int(chip.rounding == "half_even"),
        }

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        return self.transposed(axes, axis=axes.index(self.axis))

    @rule(allowed="1 or 2", fix="use the length, p=2")
    def norm_is_known(self, chip: Chip) -> str | None:
        """The norm is the sum of absolute values or the root of the sum of squares."""
        return None if self.p in (1, 2) else f"p={self.p}"
