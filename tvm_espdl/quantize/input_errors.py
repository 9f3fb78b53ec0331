"""Second moments of what a layer reads in the quantized network, and of its errors against float.

Must never keep a patch: only sums over them, in fixed memory however many samples there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..onnx_graphs.graph import Array
from .layer_statistics import Moments, outer


@dataclass(frozen=True)
class InputErrors:
    """What a layer reads, q, and its errors e = q - f against the float network, G groups of K.

    Sums over so many patches: of q q', e q' and e e', float64 (G, K, K), and of q and e (G, K).
    """

    patches: int
    inputs: Moments
    crossed: Moments
    errors: Moments
    input_sums: Moments
    error_sums: Moments

    def __add__(self, other: InputErrors) -> InputErrors:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return InputErrors(*(one + more for one, more in pairs))

    @property
    def mean_input(self) -> Moments:
        """E[q]: (G, K)."""
        return self.input_sums / self.patches

    @property
    def mean_error(self) -> Moments:
        """E[e]: (G, K)."""
        return self.error_sums / self.patches

    def moments(self, *, centered: bool) -> tuple[Moments, Moments, Moments]:
        """E[q q'], E[e q'] and E[e e'], each (G, K, K); of the deviations from the means if so."""
        q, e = self.mean_input, self.mean_error
        sums = ((self.inputs, q, q), (self.crossed, e, q), (self.errors, e, e))
        means = (total / self.patches - (outer(a, b) if centered else 0.0) for total, a, b in sums)
        return next(means), next(means), next(means)


def input_errors(floats: Array, quantized: Array) -> InputErrors:
    """The sums over the patches (G, patches, K) of one sample, read in either network.

    Products of float32 are added up in float32 within the sample, in float64 over samples.
    """
    q, e = quantized, quantized - floats
    turned_q, turned_e = q.transpose(0, 2, 1), e.transpose(0, 2, 1)
    products = (turned_q @ q, turned_e @ q, turned_e @ e)
    return InputErrors(
        q.shape[1],
        *(np.asarray(product, dtype=np.float64) for product in products),
        *(part.sum(axis=1, dtype=np.float64) for part in (q, e)),
    )
