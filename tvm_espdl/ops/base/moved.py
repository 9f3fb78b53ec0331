"""Base of the operators that move elements and never change them. No operator of its own."""

from __future__ import annotations

from dataclasses import dataclass

from .unary import OneInteger, OneType, SameExponent


@dataclass(frozen=True)
class Moved(SameExponent, OneType):
    """One tensor in, the same elements out."""


@dataclass(frozen=True)
class MovedIntegers(SameExponent, OneInteger):
    """The same, of int8 or int16 only."""
