"""Floats became integers without their exponent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...ops.base.rounding import saturate, wrap
from ...ops.quantize import Quantize
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class InputNotQuantized(Explanation):
    """The floats were converted to integers as they are, without the input's exponent.

    Try: call `tvmgen_default_quantize_input`, or multiply by 2 to the power of minus the exponent
    that the generated header states, before the conversion.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Rounded, cut off, with and without saturation; and the bytes of the floats."""
        if not isinstance(run.operator, Quantize):
            return
        (x,) = run.inputs
        dtype, shape = run.output.dtype, run.output.shape
        with np.errstate(invalid="ignore"):
            limited = np.clip(np.nan_to_num(x.astype(np.float64)), -(2.0**62), 2.0**62)
        for how, values in (
            ("cut off", np.trunc(limited)),
            ("rounded", np.rint(limited)),
            ("rounded up at ties", np.floor(limited + 0.5)),
            ("rounded down", np.floor(limited)),
        ):
            yield f"{how} and saturated", saturate(values, dtype)
            wrapped = wrap(values.astype(np.int64), np.iinfo(dtype).bits).astype(dtype)
            yield f"{how}, upper bits lost", wrapped
        raw = np.ascontiguousarray(x).tobytes()[: run.output.nbytes]
        yield "the floats' own bytes were copied", np.frombuffer(raw, dtype).reshape(shape)
