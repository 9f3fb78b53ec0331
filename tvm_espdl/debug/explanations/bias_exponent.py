"""The bias of a layer was taken at another exponent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation

_MOST = 8


class BiasExponent(Explanation):
    """The layer's bias was taken at another exponent than that of the products.

    Try: quantize the bias at the input's exponent plus the weights', and add it once.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """The bias shifted left, and right as the chip rounds and without rounding."""
        products = run.products
        if products is None or products.bias is None:
            return
        b = products.bias
        limits = np.iinfo(b.dtype)
        room = 1 << (run.chip.bias_bits(run.output.dtype, in_lanes=True) - 1)
        for by in range(1, _MOST + 1):
            larger = np.clip(b.astype(np.int64) << by, limits.min, limits.max).astype(b.dtype)
            detail = f"off by {by}: it counts {1 << by} times"
            if np.abs(larger.astype(np.float64)).max() < room:
                yield detail, run.with_bias(larger)
            detail = f"off by -{by}: it counts 1/{1 << by}"
            yield detail, run.with_bias(b >> by)
            rounded = ((b.astype(np.int64) + (1 << (by - 1))) >> by).astype(b.dtype)
            yield detail, run.with_bias(rounded)
