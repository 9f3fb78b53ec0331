"""Results that do not fit lost their upper bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class Wrapped(Explanation):
    """Results that do not fit their type lost their upper bits instead of being saturated.

    Try: clamp to the type's range before the conversion, as every chip does.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """The low bits of what is rounded."""
        if run.scaled is not None:
            result = run.scaled.result(wraps=True)
            yield f"{np.iinfo(run.output.dtype).bits} bits are kept", result
