"""Calibration data in, a stream of checked samples of batch 1 out: arrays, files, images.

Must never hold more than one sample of a stream, nor change data silently (float16 is widened):
what does not fit is refused with its remedy.
"""

from .checks import Sample
from .images import ImageFile, ImageFolder
from .progress import ProgressLine, show_progress
from .stream import FEW_SAMPLES, Calibration, SeveralPasses, can_reopen, read_samples

__all__ = [
    "FEW_SAMPLES",
    "Calibration",
    "ImageFile",
    "ImageFolder",
    "ProgressLine",
    "Sample",
    "SeveralPasses",
    "can_reopen",
    "read_samples",
    "show_progress",
]
