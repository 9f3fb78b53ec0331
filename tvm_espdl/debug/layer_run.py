"""One layer as a board has run it: its own inputs, what it made of them, and what is right."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..chips import Chip
from ..ops import Operator, Tensor
from ..ops.base.rounding import Array
from ..ops.base.weighted import Weighted
from ..ops.matmul import Matmul
from ..program import Program, Step
from .observed import Observed
from .products import Products, products_of, size_of
from .scaled import Scaled, scaled_of, scaled_products

#: Values that a layer's products may be, written out: about 8 bytes each, several times.
MOST_PRODUCTS = 1 << 24
#: Products that may be added one after the other, in the chip's order: some seconds.
MOST_IN_ORDER = 1 << 30

#: Positions that are looked at before a whole layer is computed.
_PROBED = 16

#: What a pixel is made of before it is quantized: `(pixel - mean) / std`, each channel or all.
Normalization = tuple[Sequence[float], Sequence[float]]


class OutOfTimeError(Exception):
    """The time for explanations is over; who asked for them says so."""


@dataclass
class Clock:
    """Seconds that explanations may take, all together."""

    seconds: float
    begin: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise OutOfTimeError where they are over."""
        if time.monotonic() - self.begin > self.seconds:
            raise OutOfTimeError


@dataclass(frozen=True, eq=False)
class LayerRun:
    """One layer as a board has run it.

    Attributes
    ----------
    program : Program
        The network.
    step : Step
        The layer; its operator is no `Native`.
    operator : Operator
        That of the step.
    inputs : tuple of numpy.ndarray
        Of the step, as the board had them.
    right : numpy.ndarray
        What the step gives of them.
    after : tuple of Step
        Reshapes and transposes between the layer and the tensor that the board shows.
    board : Observed
        That tensor.
    tensors : mapping of str to numpy.ndarray
        All whole tensors of the board.
    clock : Clock
        How long explanations may take.
    normalizations : tuple of (mean, std)
        What the user says of images.
    earlier : mapping of str to numpy.ndarray
        Tensors of the board's run before this one.
    """

    program: Program
    step: Step
    operator: Operator
    inputs: tuple[Array, ...]
    right: Array
    after: tuple[Step, ...]
    board: Observed
    tensors: Mapping[str, Array]
    clock: Clock
    normalizations: tuple[Normalization, ...] = ()
    earlier: Mapping[str, Array] = field(default_factory=dict)

    @property
    def chip(self) -> Chip:
        """The chip whose bits are right."""
        return self.program.chip

    @property
    def constants(self) -> tuple[Array, ...]:
        """Of the step."""
        return self.step.constants

    @property
    def output(self) -> Tensor:
        """Type of the step's result."""
        return self.operator.output

    @property
    def name(self) -> str:
        """Of the tensor that the board shows."""
        return (self.after[-1] if self.after else self.step).outputs[0]

    @property
    def values(self) -> Array | None:
        """What the board shows where it shows all values, else None."""
        return self.board.values if self.board.whole else None

    @cached_property
    def shown(self) -> Array:
        """What the board should show."""
        return self.moved(self.right)

    def moved(self, result: Array) -> Array:
        """A result of the step as the board shows it."""
        for step in self.after:
            assert isinstance(step.operator, Operator)
            result = step.operator.reference(self.chip, result)
        return result

    def fits(self, result: Array) -> bool:
        """Whether a result of the step is what the board shows, in every bit."""
        self.clock.check()
        return self.board.shows(self.moved(result))

    def recomputed(
        self,
        *,
        chip: Chip | None = None,
        operator: Operator | None = None,
        inputs: Sequence[Array] | None = None,
        constants: Sequence[Array] | None = None,
    ) -> Array:
        """The step's result with something of it changed."""
        self.clock.check()
        of, on = operator or self.operator, chip or self.chip
        read = self.inputs if inputs is None else inputs
        kept = self.constants if constants is None else constants
        if isinstance(of, (Weighted, Matmul)):  # as its reference, in less time
            products = products_of(of, read, kept)
            assert products is not None
            return self._of_products(products, on)
        with np.errstate(all="ignore"):  # what a mistake makes of floats can be anything
            return of.reference(on, *read, *kept)

    def with_bias(self, bias: Array | None) -> Array:
        """The step's result with another bias; it has one."""
        self.clock.check()
        assert self.products is not None
        return self._of_products(self.products.with_bias(bias), self.chip)

    def _of_products(self, products: Products, chip: Chip) -> Array:
        """The result; the right one, which fits nothing, where a few positions do not fit."""
        if self._probe is not None:
            rows, board = self._probe
            if not np.array_equal(scaled_products(products.at(rows), chip).result(), board):
                return self.right
        return scaled_products(products, chip).result().reshape(self.output.shape)

    @cached_property
    def _probe(self) -> tuple[Array, Array] | None:
        """A few positions on which the board is not right, and what it shows there."""
        if self.values is None or self.after or self.products is None:
            return None
        if len(self.products.parts) > 1:
            return None
        channels = self.output.shape[-1]
        board, right = self.values.reshape(-1, channels), self.right.reshape(-1, channels)
        rows = (board != right).any(axis=1).nonzero()[0]
        rows = rows[:: max(1, len(rows) // _PROBED)][:_PROBED]
        return rows, board[rows]

    @cached_property
    def products(self) -> Products | None:
        """What the layer sums; None of one that sums no products."""
        return products_of(self.operator, self.inputs, self.constants)

    @cached_property
    def scaled(self) -> Scaled | None:
        """What the layer rounds; None where that is not known."""
        return scaled_of(self.operator, self.chip, self.inputs, self.constants)

    @property
    def too_large(self) -> bool:
        """Whether it would take too long, or too much memory, to compute it again and again."""
        if size_of(self.operator) > MOST_PRODUCTS:
            return True
        products = self.products
        return products is not None and products.in_order(self.chip) > MOST_IN_ORDER
