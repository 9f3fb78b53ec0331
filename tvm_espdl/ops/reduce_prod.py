"""reduce_prod: the product along some axes, in index order."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, Form, Reduction, ShiftedScales, round_float, saturate

LIMIT = 65536.0  # beyond every result, and within what rounding may convert


class ReduceProd(ShiftedScales, Reduction):
    """`y = saturate(round(prod(x * 2**xe) * 2**-oe))`: float32 for int8, double for int16."""

    name = "reduce_prod"
    form = Form("ReduceProd", "prod", exponents="own", espdl="ReduceProd")

    def combined(self, lines: Array, chip: Chip) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_prod.hpp`."""
        wide = np.float32 if self.x.dtype == "int8" else np.float64
        product = np.ones(lines.shape[1], wide)
        with np.errstate(all="ignore"):
            for one in lines.astype(np.float32) * self.input_scale:
                product *= one
            product *= self.output_scale
        rounded = round_float if wide is np.float32 else round_double
        return saturate(rounded(product, chip), self.y.dtype)


def round_double(values: Array, chip: Chip) -> Array:
    """Round doubles as `tool::round(double)` does, limited to +-65536; NaN stays.

    Half-even chips round away from zero first and then step back from odd integers that were a
    millionth or less away.
    """
    values = np.clip(values, -LIMIT, LIMIT)
    if chip.rounding == "half_up":
        return np.floor(values + 0.5)
    away = np.where(values < 0, values - 0.5, values + 0.5)
    whole = np.trunc(away)
    back = (np.abs(away - whole) < 1e-6) & (whole % 2 != 0)
    return whole - np.where(back, np.where(values < 0, -1.0, 1.0), 0.0)
