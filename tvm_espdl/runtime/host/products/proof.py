"""Proof, window by window, that no partial sum leaves a narrow register, whatever the order.

With b the bias, S the sum of the products and A that of their magnitudes, the positive products
sum up to (A + S) / 2 and the negative ones to (S - A) / 2. Every partial sum in every order lies
between b + (S - A) / 2 and b + (S + A) / 2, so that both within the register prove that no clamp
ever acts. A is at most the length of the window times the length of the filter, both as vectors
(Cauchy and Schwarz): the first is shared by all channels, the second known at build.
"""

from __future__ import annotations

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ....chips import Accumulator
from ....ops.base.rounding import Array
from ..kernel import Expression, registers
from .instructions import Instructions

#: Covers all roundings of float32 between the integers and the bound, and a -128 that counts as
#: 128 times 127 in squares (`Instructions.squared`).
MARGIN = (1.0 + 1e-5) * (128 / 127) ** 0.5

SEGMENT = 16  # groups of products whose order is left open in the second proof


def filter_lengths(weights: Array, needed: Array) -> Array:
    """float32, `(channels,)`: lengths rounded up, 0 of channels that need no proof.

    Parameters
    ----------
    weights : numpy.ndarray
        `(channels, products)`.
    """
    squares = (weights.astype(np.float64) ** 2).sum(axis=1)
    lengths: Array = np.where(needed, np.sqrt(squares) * MARGIN, 0).astype(np.float32)
    return lengths


def room(
    register: Accumulator,
    sums: list[Expression],
    beside: Expression,
    lengths: Expression,
    longest: Expression,
) -> Expression:
    """How far twice the partial sums stay from the register's ends, in every lane; int32.

    Negative where there is no proof.

    Parameters
    ----------
    sums : list of expression
        Vectors of b + S, and something that is the same in all.
    beside : expression
        What makes b + S of them 2b + S.
    lengths, longest : expression
        Of the filters in the lanes, and of the windows.
    """
    lanes = lengths.ty.dtype.lanes
    low, high = sums[0], sums[0]
    for other in sums[1:]:
        low, high = T.min(low, other), T.max(high, other)
    product = lengths * tirx.Broadcast(longest, lanes)
    bound = T.Bind(T.Cast(f"int32x{lanes}", product) + _all(1, lanes))
    beside = T.Bind(beside)
    below = low + beside - bound - _all(2 * register.lowest, lanes)
    above = _all(2 * register.highest, lanes) - (high + beside + bound)
    return T.min(below, above)


class Segments:
    """The same proof for consecutive products of one window, a few at a time.

    What is known at the end of each segment is the exact sum, so that only the magnitudes within
    one segment leave anything open. It fails for hardly any window that no clamp changes.
    """

    def __init__(self, instructions: Instructions, register: Accumulator, bias: Expression) -> None:
        self.instructions, self.register = instructions, register
        lanes = instructions.lanes
        self._every = tirx.Ramp(0, 1, lanes)
        names = ("sums", "before", "offsets", "magnitudes", "room")
        buffers = {name: registers(lanes, "int32") for name in names}
        begin = {"sums": bias, "before": bias, "room": _all(2**30, lanes)}
        for name, buffer in buffers.items():
            T.buffer_store(buffer, begin.get(name, _all(0, lanes)), [self._every])
        self._sums, self._before, self._offsets, self._magnitudes, self._room = buffers.values()

    def add(self, pixels: Expression, weights: Expression) -> None:
        """Emit the sums of one group of products.

        Parameters
        ----------
        pixels : expression
            A group of the copied image.
        """
        used, lanes = self.instructions, self.instructions.lanes
        magnitude = used.repeated(T.Bind(used.magnitude(pixels)))
        image = used.repeated(pixels)
        small = used.weight_magnitude(weights)
        added = [
            (self._sums, used.dot, image, weights),
            (self._magnitudes, used.dot_of_magnitudes, magnitude, small),
        ]
        if used.offset:
            offset = tirx.Broadcast(tirx.const(used.offset, used.element), lanes * used.group)
            added.append((self._offsets, used.dot, offset, weights))
        for total, add, one, other in added:
            T.buffer_store(total, add(lanes, total[self._every], one, other), [self._every])

    def end(self) -> None:
        """Emit the end of a segment."""
        lanes, every = self.instructions.lanes, self._every
        now = T.Bind(self._sums[every] - self._offsets[every])
        magnitudes = T.Bind(self._magnitudes[every])
        # A weight of -128 counts as 127 in them.
        bound = T.Bind(magnitudes + (magnitudes >> _all(6, lanes)) + _all(1, lanes))
        both = T.Bind(self._before[every] + now)
        below = both - bound - _all(2 * self.register.lowest, lanes)
        above = _all(2 * self.register.highest, lanes) - both - bound
        room = T.min(self._room[every], T.min(below, above))
        T.buffer_store(self._room, room, [every])
        T.buffer_store(self._before, now, [every])
        T.buffer_store(self._magnitudes, _all(0, lanes), [every])

    @property
    def room(self) -> Expression:
        """How far twice the partial sums stay from the register's ends in every lane; int32."""
        return self._room[self._every]


def _all(value: int, lanes: int) -> Expression:
    return tirx.Broadcast(T.int32(value), lanes)
