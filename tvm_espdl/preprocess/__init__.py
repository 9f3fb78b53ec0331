"""A float network in the form that quantization expects: batch 1, static, layers folded.

Must never know anything about quantization, nor change the model it is given.
"""

from .check import Deviation, PreprocessReport
from .preprocess import preprocess_onnx, preprocess_with_report

__all__ = ["Deviation", "PreprocessReport", "preprocess_onnx", "preprocess_with_report"]
