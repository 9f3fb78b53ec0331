"""Files of exponents: a quantization written down, and done again without data.

`docs/quantization.md` says what a file holds. Must never choose an exponent by data: what a file
leaves open, the caller chooses.
"""

from .applying import apply
from .esp_ppq import EspPpqExponents
from .reading import parse_exponents, read_exponents
from .record import SavedExponents
from .saving import saved_of
from .writing import exponents_text, write_exponents

__all__ = [
    "EspPpqExponents",
    "SavedExponents",
    "apply",
    "exponents_text",
    "parse_exponents",
    "read_exponents",
    "saved_of",
    "write_exponents",
]
