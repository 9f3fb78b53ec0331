"""reduce_mean: the mean along some axes; it may differ by one from a global average pool."""

from __future__ import annotations

import numpy as np

from .base import Array, Builder, Expression, Form, RealSum


class ReduceMean(RealSum):
    """`y = saturate(round(float32(sum) * 2**xe / count * 2**-oe))`, each step in float32."""

    name = "reduce_mean"
    form = Form("ReduceMean", "mean", exponents="own", espdl="ReduceMean")
    c = "real / (float)d->count"

    def formula(self, real: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_reduce_mean.hpp`."""
        return real / np.float32(self.count)

    def host(self, real: Expression, op: Builder) -> Expression:
        """In TIR."""
        return real / op.real(float(self.count))
