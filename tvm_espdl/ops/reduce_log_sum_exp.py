"""reduce_log_sum_exp: the natural logarithm of the sum of exponentials along some axes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from .base.ccall import CCall, FieldValue
from .base.form import Form
from .base.operator import rule
from .base.reduction import Reduction
from .base.rounding import Array, round_float, saturate

LARGEST_EXPONENTIAL = 80.0  # of which thousands can be summed in float32


@dataclass(frozen=True)
class ReduceLogSumExp(Reduction):
    """`y = saturate(round(log(sum(exp(x * 2**xe))) * 2**-oe))`, in float32, in index order.

    No maximum is subtracted. The exponentials of int8 come from a table, as those of softmax.
    """

    name = "reduce_log_sum_exp"
    form = Form("ReduceLogSumExp", (), exponents="own", espdl="ReduceLogSumExp")

    @property
    def table(self) -> Array:
        """`exp(q * 2**xe)` for q = -128..127, float32, correctly rounded."""
        return exponentials(np.arange(-128, 128).astype(np.float32) * self.input_scale)

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_log_sum_exp.hpp`."""
        total = np.zeros(lines.shape[1], np.float32)
        with np.errstate(all="ignore"):
            for one in lines:
                if self.x.dtype == "int8":
                    total += self.table[one.astype(np.int32) + 128]
                else:
                    total += exponentials(one.astype(np.float32) * self.input_scale)
            real = np.log(total.astype(np.float64)).astype(np.float32)
        return saturate(round_float(real * self.output_scale, chip), self.y.dtype)

    def parameters(self) -> dict[str, FieldValue]:
        """Both scales."""
        return {
            "input_scale": float(self.input_scale),
            "output_scale": float(self.output_scale),
        }

    def call(self, chip: Chip, *constants: Array) -> CCall:
        """`espdl_reduce_log_sum_exp_s8`, which has the table, or `_s16`."""
        call = super().call(chip, *constants)
        tabled = self.x.dtype == "int8"
        return dataclasses.replace(call, arrays={"table": self.table}) if tabled else call

    @rule(allowed="inputs of which the largest is 80 or less", fix="use a smaller input exponent")
    def exponentials_are_finite(self, chip: Chip) -> str | None:
        """The largest number that the input's range holds is 80 or less.

        ESP-DL does not subtract the maximum: larger exponentials do not fit a float32.
        """
        largest = int(np.iinfo(self.x.dtype).max) * float(self.input_scale)
        return None if largest <= LARGEST_EXPONENTIAL else f"numbers up to {largest:g}"


def exponentials(real: Array) -> Array:
    """`exp` of float32 numbers, rounded once from double precision."""
    with np.errstate(over="ignore"):
        return np.exp(real.astype(np.float64)).astype(np.float32)
