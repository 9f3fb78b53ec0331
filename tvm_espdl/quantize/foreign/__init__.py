"""Models that others quantized: taken as they are, re-expressed with other scales, or refused.

`is_quantized` and `inspect_quantized` look, `take_as_is` takes, `strip_quantization` and
`nearest_exponents` lead to other scales, `measure_requantization` says what that costs. Must
never change the model it is given, import TVM, or guess at quantization that it cannot express.
"""

from ...onnx_graphs.qlinear.quantizer import Quantizer
from ...onnx_graphs.qlinear.rewrite import needs_rewriting, rewrite_qlinear
from .bias_field import wide_biases
from .completion import complete_ranges
from .inputs import random_inputs
from .inspection import Inspection, inspect_quantized, is_quantized
from .judgement import Finding
from .loss import OutputLoss, RequantizationLoss, measure_requantization
from .nearest import nearest_exponents
from .strip import Stripped, strip_quantization
from .take import take_as_is

__all__ = [
    "Finding",
    "Inspection",
    "OutputLoss",
    "Quantizer",
    "RequantizationLoss",
    "Stripped",
    "complete_ranges",
    "inspect_quantized",
    "is_quantized",
    "measure_requantization",
    "nearest_exponents",
    "needs_rewriting",
    "random_inputs",
    "rewrite_qlinear",
    "strip_quantization",
    "take_as_is",
    "wide_biases",
]
