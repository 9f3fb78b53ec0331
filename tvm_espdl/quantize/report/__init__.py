"""The account of a quantization: its tensors, its accuracy with the chip's bits, its warnings.

Must never influence the quantization, and never take a simulation for the chip.
"""

from .accuracy import Accuracy, OutputAccuracy, measure_accuracy
from .deviation import Deviation
from .quantization_report import QuantizationReport, check_report_path
from .rows import Bars, FloatRow, StepRow, TensorRow

__all__ = [
    "Accuracy",
    "Bars",
    "Deviation",
    "FloatRow",
    "OutputAccuracy",
    "QuantizationReport",
    "StepRow",
    "TensorRow",
    "check_report_path",
    "measure_accuracy",
]
