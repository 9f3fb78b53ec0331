"""Passes from quantize/dequantize form to NHWC integer operators; each returns a new module.

Contract: the input module is untouched, a second run changes nothing, `verify` holds afterwards.
The last two end in plain data: `partition` in what was taken, `lower_to_nhwc` in the calls that a
program is made of.
"""

from .canonicalize import canonicalize, verify
from .composite import Placed
from .forms import unify
from .indices import count_from_front
from .layers import spell_layers
from .layout import Lowered, lower_to_nhwc
from .partition import Partition, partition
from .requantize_inputs import requantize_inputs

__all__ = [
    "Lowered",
    "Partition",
    "Placed",
    "canonicalize",
    "count_from_front",
    "lower_to_nhwc",
    "partition",
    "requantize_inputs",
    "spell_layers",
    "unify",
    "verify",
]
