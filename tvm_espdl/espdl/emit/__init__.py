"""Writers of the operators that their records declare; the others are in `families`."""

from __future__ import annotations

from ..step_view import Emitters
from . import combined, comparison, elementwise, functions

__all__ = ["EMITTERS"]

EMITTERS: Emitters = {
    **combined.EMITTERS,
    **comparison.EMITTERS,
    **elementwise.EMITTERS,
    **functions.EMITTERS,
}
