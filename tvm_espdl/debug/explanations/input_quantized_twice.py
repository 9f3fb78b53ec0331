"""What was quantized already was quantized again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.quantize import Quantize
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class InputQuantizedTwice(Explanation):
    """The integers were quantized again, as if they were the floats.

    Try: give floats to `tvmgen_default_quantize_input`, or integers to the network itself, not
    both.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """The result as floats, through the layer again."""
        if isinstance(run.operator, Quantize):
            again = run.right.astype(np.float32)
            yield "the exponent counts twice", run.recomputed(inputs=[again])
