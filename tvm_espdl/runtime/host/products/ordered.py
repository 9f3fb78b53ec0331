"""The sum of one window in the chip's own order, for windows that have no proof.

It reads what dot products read, one product after the other; it is slow and seldom runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

from ....chips import Accumulator
from ..kernel import Buffer, Expression, registers
from .instructions import Instructions


@dataclass(frozen=True)
class Run:
    """Taps whose values lie side by side in the image's copy.

    Attributes
    ----------
    taps : tuple of int
        Rows and columns of runs in a window.
    steps : tuple of int
        Elements from one of their rows and columns to the next.
    length : int
        Elements of one run.
    """

    taps: tuple[int, int]
    steps: tuple[int, int]
    length: int

    def words(self, instructions: Instructions) -> int:
        """Groups of products in one run."""
        return -(-self.length // instructions.group)


@dataclass(frozen=True)
class Ordered:
    """Windows whose products are added one by one to a register of the chip."""

    instructions: Instructions
    run: Run
    register: Accumulator

    def sum(
        self,
        image: Buffer,
        pixel: Expression,
        weight: Callable[[Expression, Expression], Expression],
        start: Expression,
    ) -> Expression:
        """Emit the sum of one window for one vector of channels; the vector of sums.

        Parameters
        ----------
        pixel : expression
            Where the window begins in `image`.
        weight : callable
            `(word, n)` gives the vector of the weights of product `n` of a group, as int32.
        start : expression
            The bias of the lanes.
        """
        lanes, group = self.instructions.lanes, self.instructions.group
        run, words = self.run, self.run.words(self.instructions)
        sums = registers(lanes, "int32")
        every = tirx.Ramp(0, 1, lanes)
        T.buffer_store(sums, self._clamped(start), [every])
        with T.grid(*run.taps, run.length) as (i, j, n):
            value = image[pixel + i * run.steps[0] + j * run.steps[1] + n]
            value = T.cast(value, "int32") - self.instructions.offset
            word = (i * run.taps[1] + j) * words + n // group
            product = tirx.Broadcast(value, lanes) * weight(word, n % group)
            T.buffer_store(sums, self._clamped(sums[every] + product), [every])
        return sums[every]

    def _clamped(self, value: Expression) -> Expression:
        lanes = self.instructions.lanes
        value = T.min(value, tirx.Broadcast(T.int32(self.register.highest), lanes))
        return T.max(value, tirx.Broadcast(T.int32(self.register.lowest), lanes))
