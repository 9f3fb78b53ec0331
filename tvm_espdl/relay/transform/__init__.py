"""Passes from quantize/dequantize form to NHWC integer operators; each returns a new module.

Contract: the input module is untouched, a second run changes nothing, `verify` holds afterwards.
"""

from .canonicalize import canonicalize
from .forms import unify
from .layout import lower_to_nhwc
from .partition import partition
from .requantize_inputs import requantize_inputs
from .verify import verify

__all__ = [
    "canonicalize",
    "lower_to_nhwc",
    "partition",
    "requantize_inputs",
    "unify",
    "verify",
]
