"""Readers of the operators that their records declare; the others are in `families`."""

from __future__ import annotations

from ..node_view import Readers
from . import binary, comparison, functions, reductions

__all__ = ["TRANSLATORS"]

TRANSLATORS: Readers = {
    **binary.TRANSLATORS,
    **comparison.TRANSLATORS,
    **functions.TRANSLATORS,
    **reductions.TRANSLATORS,
}
