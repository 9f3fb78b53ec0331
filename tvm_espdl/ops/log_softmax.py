"""log_softmax: integers in, float32 logarithms of probabilities out, along one axis."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, power_of_two
from .softmax import Softmax


class LogSoftmax(Softmax):
    """`y = x * 2**xe - log(sum(exp(x * 2**xe)))`; for int16 the maximum is subtracted first.

    Exponentials are those of `softmax`; the logarithm is rounded from double precision.
    """

    name = "log_softmax"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_log_softmax.hpp`: summed in index order."""
        x = np.moveaxis(arrays[0], self.axis, 0)
        real = x.astype(np.float32) * power_of_two(self.x.uniform_exponent)
        if self.x.dtype == "int8":
            exponentials = self.table[x.astype(np.int32) + 128]
        else:
            real = real - real.max(axis=0)
            exponentials = np.exp(real.astype(np.float64)).astype(np.float32)
        total = np.zeros(x.shape[1:], np.float32)
        with np.errstate(all="ignore"):
            for one in exponentials:
                total += one
            logarithm = np.log(total.astype(np.float64)).astype(np.float32)
            result = real - logarithm
        return np.ascontiguousarray(np.moveaxis(result, 0, self.axis))
