"""The bias of a layer was kept in too few bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.base.rounding import Array, wrap
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation

_BITS = (8, 12, 16, 20, 24, 32)


class BiasTruncated(Explanation):
    """The layer's bias was kept in fewer bits than it needs.

    Try: keep the bias int32 for int8 data and int64 for int16 data on its way to the chip; on the
    ESP32-S3 it has to fit 20 (40) bits, which this package's quantizer sees to.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Each width, with upper bits lost and with values limited."""
        products = run.products
        if products is None or products.bias is None:
            return
        b = products.bias
        for bits in _BITS:
            for how, kept in (("wrapped", wrap(b, bits)), ("limited", _limited(b, bits))):
                if (kept != b).any():
                    detail = f"{how} to {bits} bits, from up to {_needed(b)}"
                    yield detail, run.with_bias(kept.astype(b.dtype))


def _limited(bias: Array, bits: int) -> Array:
    return np.clip(bias.astype(np.int64), -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def _needed(bias: Array) -> int:
    return max(int(value).bit_length() for value in (bias.max(), ~bias.min())) + 1
