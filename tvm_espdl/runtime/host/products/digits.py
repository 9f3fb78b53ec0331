"""Sums of products of int16 that need more than 32 bits, put together from sums that do not.

One factor, image or filter, is taken apart into signed digits of a few bits each, the sum of each
digit's products fits int32, whatever the order, and no sum ever wraps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ....ops.base.rounding import Array
from ..channels import INT32_MAX
from ..kernel import Expression

#: Places of the digits of an int16, in bits, the lowest first: the fewest digits come first.
SPLITS = ((0, 8), (0, 6, 11), (0, 4, 8, 12))

_VALUE_BITS = 15
_HALF = 16


@dataclass(frozen=True)
class Digits:
    """How an int16 is taken apart: `x = sum(digit[k] << places[k])`.

    Attributes
    ----------
    places : tuple of int
        Ascending, the first is 0. Each digit but the last is signed and ends below the next.
    """

    places: tuple[int, ...]

    @property
    def widths(self) -> list[int]:
        """Bits of each digit but the last."""
        return [b - a for a, b in zip(self.places, self.places[1:], strict=False)]

    @property
    def largest(self) -> list[int]:
        """The magnitude that no digit exceeds."""
        return [*(1 << (w - 1) for w in self.widths), 1 << (_VALUE_BITS - self.places[-1])]

    def fit(self, magnitudes: Array, begin: Array) -> bool:
        """Whether every sum fits int32, and with it what `upper` computes.

        Parameters
        ----------
        magnitudes : numpy.ndarray
            int64, `(channels,)`: sums of the magnitudes of the other factors.
        begin : numpy.ndarray
            int64, `(channels,)`: what the whole sum begins with.
        """
        carry = np.zeros_like(magnitudes)
        for width, most in zip(self.widths, self.largest, strict=False):
            bound = magnitudes * most + (1 << width) + carry
            if (bound > INT32_MAX).any():
                return False
            carry = (bound >> width) + 1
        last = magnitudes * self.largest[-1] + np.abs(begin >> self.places[-1])
        return bool((last <= INT32_MAX).all())

    def of_begin(self, begin: Array) -> list[Array]:
        """What the sum of each digit begins with, int32 of `(channels,)`."""
        parts = [
            (begin >> place) & ((1 << width) - 1)
            for place, width in zip(self.places, self.widths, strict=False)
        ]
        return [part.astype(np.int32) for part in (*parts, begin >> self.places[-1])]

    def of_factors(self, values: Array) -> list[Array]:
        """The digits of int16 values, each int16 of the same shape."""
        rest, found = values.astype(np.int32), []
        for width in self.widths:
            half = 1 << (width - 1)
            above = (rest + half) >> width
            found.append(rest - (above << width))
            rest = above
        return [digit.astype(np.int16) for digit in (*found, rest)]

    def of_pixels(self, pixels: Expression) -> list[Expression]:
        """The same of a vector of int16, as expressions."""
        lanes, found = pixels.ty.dtype.lanes, []

        def every(value: int) -> Expression:
            return tirx.Broadcast(T.int16(value), lanes) if lanes > 1 else T.int16(value)

        rest = pixels
        for width in self.widths:
            unused = every(_HALF - width)
            found.append((rest << unused) >> unused)
            rest = T.Bind(((rest >> every(width - 1)) + every(1)) >> every(1))
        return [*found, rest]

    def whole(self, sums: list[Expression]) -> Halves:
        """The whole sum, from the vectors of sums of the digits."""
        lanes = sums[0].ty.dtype.lanes
        carry: Expression = _all(0, lanes)
        lower = sums[0] & _all(0xFFFF, lanes)
        for total, width in zip(sums, self.widths, strict=False):
            carry = (total + carry) >> _all(width, lanes)
        for total, place in zip(sums[1:], self.places[1:], strict=True):
            lower = lower + ((total << _all(place, lanes)) & _all(0xFFFF, lanes))
        rest = _HALF - self.places[-1]
        within = (sums[-1] & _all((1 << rest) - 1, lanes)) + carry
        upper = (sums[-1] >> _all(rest, lanes)) + (within >> _all(rest, lanes))
        return Halves(T.Bind(upper), T.Bind(lower & _all(0xFFFF, lanes)))


@dataclass(frozen=True)
class Halves:
    """A vector of sums of up to 47 bits.

    Attributes
    ----------
    upper : expression
        int32: the sum divided by 2**16, rounded down.
    lower : expression
        int32, 0 to 65535: what remains.
    """

    upper: Expression
    lower: Expression

    @property
    def bits(self) -> Expression:
        """The low 32 bits of the sums."""
        lanes = self.lower.ty.dtype.lanes
        return (self.upper << _all(_HALF, lanes)) | self.lower

    def plus(self, low: Expression, high: Expression) -> Halves:
        """The sums with `(high << 16) + low` added; `low` is 0 to 65536."""
        lanes = self.lower.ty.dtype.lanes
        lower = T.Bind(self.lower + low)
        upper = T.Bind(self.upper + high + (lower >> _all(_HALF, lanes)))
        return Halves(upper, T.Bind(lower & _all(0xFFFF, lanes)))

    def shifted(self, shift: int | Expression) -> Expression:
        """The sums divided by `2**shift`, rounded down; beyond int16 anything beyond int16.

        Parameters
        ----------
        shift : int or expression
            0 to 30, of all lanes or a vector.
        """
        lanes = self.lower.ty.dtype.lanes
        if isinstance(shift, int) and shift >= _HALF:
            return self.upper >> _all(shift - _HALF, lanes)
        limited = T.max(T.min(self.upper, _all(32767, lanes)), _all(-32768, lanes))
        low = (limited << _all(_HALF, lanes)) | self.lower
        if isinstance(shift, int):
            return low >> _all(shift, lanes)
        above = T.max(shift - _all(_HALF, lanes), _all(0, lanes))
        return T.Select(
            shift >= _all(_HALF, lanes),
            self.upper >> above,
            low >> T.min(shift, _all(_HALF, lanes)),
        )


def digits_of(magnitudes: Array, begin: Array) -> Digits | None:
    """The fewest digits of an image that serve all channels; None where no split does.

    Parameters are those of `Digits.fit`.
    """
    return next((d for d in map(Digits, SPLITS) if d.fit(magnitudes, begin)), None)


def _all(value: int, lanes: int) -> Expression:
    return tirx.Broadcast(T.int32(value), lanes)
