"""Models that others quantized: taken as they are, re-expressed with other scales, or refused.

`is_quantized` and `inspect_quantized` look, `take_as_is` takes, `strip_quantization` and
`nearest_exponent` lead to other scales, `measure_requantization` says what that costs. Must
never change the model it is given, import TVM, or guess at quantization that it cannot express.
"""

from .completion import complete_ranges
from .inputs import random_inputs
from .inspection import inspect_quantized, is_quantized
from .loss import RequantizationLoss, measure_requantization
from .nearest import nearest_exponent
from .strip import Stripped, strip_quantization
from .take import take_as_is, wide_biases

__all__ = [
    "RequantizationLoss",
    "Stripped",
    "complete_ranges",
    "inspect_quantized",
    "is_quantized",
    "measure_requantization",
    "nearest_exponent",
    "random_inputs",
    "strip_quantization",
    "take_as_is",
    "wide_biases",
]
