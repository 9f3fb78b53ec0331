"""reduce_log_sum_exp: the natural logarithm of the sum of exponentials along some axes."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Form, Reduction, ShiftedScales, exponential, round_float, rule, saturate

LARGEST_EXPONENTIAL = 80.0  # of which thousands can be summed in float32


class ReduceLogSumExp(ShiftedScales, Reduction):
    """`y = saturate(round(log(sum(exp(x * 2**xe))) * 2**-oe))`, in float32, in index order.

    No maximum is subtracted. The exponentials of int8 come from a table, as those of softmax.
    """

    name = "reduce_log_sum_exp"
    form = Form("ReduceLogSumExp", (), exponents="own", espdl="ReduceLogSumExp")

    @property
    def table(self) -> Array:
        """`exp(q * 2**xe)` for q = -128..127, float32, correctly rounded."""
        return exponential(np.arange(-128, 128).astype(np.float32) * self.input_scale)

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_log_sum_exp.hpp`."""
        total = np.zeros(lines.shape[1], np.float32)
        with np.errstate(all="ignore"):
            for one in lines:
                if self.x.dtype == "int8":
                    total += self.table[one.astype(np.int32) + 128]
                else:
                    total += exponential(one.astype(np.float32) * self.input_scale)
            real = np.log(total.astype(np.float64)).astype(np.float32)
        return saturate(round_float(real * self.output_scale, chip), self.y.dtype)

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """The table, for int8."""
        return {"table": self.table} if self.x.dtype == "int8" else {}

    @rule(
        allowed="inputs of which the largest is 80 or less",
        fix="use a smaller input exponent",
        otherwise="portable",
    )
    def exponentials_are_finite(self, chip: Chip) -> str | None:
        """The largest number that the input's range holds is 80 or less.

        ESP-DL does not subtract the maximum: larger exponentials do not fit a float32.
        """
        largest = int(np.iinfo(self.x.dtype).max) * float(self.input_scale)
        return None if largest <= LARGEST_EXPONENTIAL else f"numbers up to {largest:g}"
