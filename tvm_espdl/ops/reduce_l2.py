"""reduce_l2: the Euclidean norm along some axes, its root taken by Newton's method."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Builder, Expression, Form, RealSum, newton_root, rule
from .base.shifted_scales import LARGEST_EXPONENT

LARGEST_ROOT = 128.0  # larger ones need never be found


class ReduceL2(RealSum):
    """`y = saturate(round(root(float32(sum(x * x)) * 2**(2 * xe)) * 2**-oe))`, in float32."""

    name = "reduce_l2"
    form = Form("ReduceL2", ("square", "sum", "sqrt"), exponents="own", espdl="ReduceL2")
    term_bits = 14
    c_term = "v * v"
    c = "espdl_newton_root(real)"

    @property
    def macs(self) -> int:
        """One for each element."""
        return self.x.size

    @property
    def sum_scale(self) -> np.float32:
        """Value of 1 in the sum of squares."""
        return np.float32(self.input_scale * self.input_scale)

    def term(self, x: Array) -> Array:
        """Its square."""
        return x * x

    def host_term(self, v: Expression, op: Builder) -> Expression:
        """In TIR."""
        return v * v

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_l2.hpp`."""
        return newton_root(real)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return op.newton_root(real)

    @rule(
        allowed="norms below 128",
        fix="use fewer elements or a smaller input exponent",
        otherwise="portable",
    )
    def root_is_found(self, chip: Chip) -> str | None:
        """The largest norm that the input's range allows is below 128.

        Beyond, ESP-DL v3.3.9 may search the root forever: its steps never get close enough.
        """
        largest = -int(np.iinfo(self.x.dtype).min) * float(self.input_scale) * self.count**0.5
        return None if largest < LARGEST_ROOT else f"norms up to {largest:g}"

    @rule(
        allowed="input exponents from -15 to 15",
        fix="quantize the input more coarsely",
        otherwise="portable",
    )
    def scale_of_squares_fits_shifts(self, chip: Chip) -> str | None:
        """The exponent of squares, twice the input's, is within -30 to 30.

        ESP-DL v3.3.9 makes the scale by a 32-bit shift: at -16 it is 1, at -17 a quarter.
        """
        exponent = self.x.uniform_exponent
        return None if abs(exponent) <= LARGEST_EXPONENT // 2 else f"exponent {exponent}"
