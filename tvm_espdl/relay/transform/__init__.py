"""Passes from quantize/dequantize form to NHWC integer operators; each returns a new module.

Contract: the input module is untouched, a second run changes nothing, `verify` holds afterwards.
"""

from .canonicalize import canonicalize
from .flattens import fold_flattens
from .forms import unify
from .layers import spell_layers
from .layout import lower_to_nhwc
from .partition import partition
from .requantize_inputs import requantize_inputs
from .verify import verify

__all__ = [
    "canonicalize",
    "fold_flattens",
    "lower_to_nhwc",
    "partition",
    "requantize_inputs",
    "spell_layers",
    "unify",
    "verify",
]
