"""The bias of a layer was added to its result instead of to its sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...ops.base.rounding import saturate
from ..layer_run import LayerRun
from ..scaled import Scaled
from .explanation import Attempt, Explanation

#: How the bias was brought to the result's exponent, and the sum: "" as the chip rounds.
_OF_BIAS, _OF_SUM = ("", "floor", "truncation"), ("", "floor")


class BiasAfterShift(Explanation):
    """The layer's bias was added after the shift, at the result's exponent.

    Try: add the bias to the sum of products, at the exponent of the products, before it is shifted
    (ESP-DL v3; the kernels of the old TVM flow added it afterwards).
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Bias and sum rounded apart; then also the sum saturated first."""
        products, scaled = run.products, run.scaled
        if products is None or products.bias is None or scaled is None:
            return
        plain = replace(scaled, values=products.with_bias(None).sums(run.chip))
        wide = products.bias.astype(np.int64)[None]
        bias = replace(plain, values=wide, shape=wide.shape)
        for of_bias in _OF_BIAS:
            added = bias.rounded(of_bias)
            for of_sum in _OF_SUM:
                ways = f"the bias' shift rounds by {of_bias or 'the chip'}, the sum's by "
                ways += of_sum or "the chip"
                yield ways, plain.result(of_sum, plus=added)
                yield f"{ways}, and that saturates first", _limited_first(plain, of_sum, added)


def _limited_first(plain: Scaled, rounding: str, added: np.ndarray) -> np.ndarray:
    limited = saturate(plain.rounded(rounding), plain.dtype).astype(np.int64) + added
    limited = np.maximum(limited, 0) if plain.relu else limited
    return saturate(limited, plain.dtype).reshape(plain.shape)
