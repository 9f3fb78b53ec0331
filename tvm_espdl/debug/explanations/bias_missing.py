"""The bias of a layer was not added."""

from __future__ import annotations

from collections.abc import Iterator

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class BiasMissing(Explanation):
    """The layer's bias was not added.

    Try: look whether the kernel gets the pointer to the bias, and whether the bias lies where the
    chip can read it.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """The layer with zeros as its bias."""
        products = run.products
        if products is not None and products.bias is not None:
            yield "all channels are without it", run.with_bias(None)
