"""What layers are before they round: the integers or floats, and how these become results.

Explanations vary one step of that way. The chip's own way stands in `ops`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..chips import Chip
from ..ops import Operator
from ..ops.average_pool2d import AveragePool2d
from ..ops.base.broadcast import WithRelu
from ..ops.base.rounding import Array, power_of_two, saturate, shift_left, wrap
from ..ops.mul import Mul
from ..ops.quantize import Quantize
from ..ops.requantize import Requantize
from ..ops.resize_nearest import ResizeNearest
from .products import Products, products_of

Shift = Callable[[Array, Array], Array]


def _half_up(values: Array, right: Array) -> Array:
    return (values + (np.int64(1) << right >> 1)) >> right


def _half_even(values: Array, right: Array) -> Array:
    rounded = _half_up(values, right)
    tie = (right > 0) & (values - ((values >> right) << right) == np.int64(1) << right >> 1)
    return np.where(tie, rounded & ~np.int64(1), rounded)


def _away(values: Array, right: Array) -> Array:
    return np.sign(values) * _half_up(np.abs(values), right)


def _truncated(values: Array, right: Array) -> Array:
    return np.sign(values) * (np.abs(values) >> right)


#: Ways to round: their names, of integers that are shifted right, of floats.
ROUNDINGS: dict[str, tuple[Shift, Callable[[Array], Array]]] = {
    "half_up": (_half_up, lambda v: np.floor(v + 0.5)),
    "half_even": (_half_even, np.rint),
    "half_away": (_away, lambda v: np.copysign(np.floor(np.abs(v) + 0.5), v)),
    "floor": (lambda values, right: values >> right, np.floor),
    "truncation": (_truncated, np.trunc),
}


@dataclass(frozen=True, eq=False)
class Scaled:
    """Results of a layer before they are rounded.

    Attributes
    ----------
    values : numpy.ndarray
        int64, to be shifted; or float64, to be rounded as they are. Channels last where a shift
        is one per channel.
    shift : int or numpy.ndarray
        Right shift of the integers.
    rounding : str
        The chip's own.
    relu : bool
        Whether negative results become 0.
    dtype, shape
        Of the results.
    """

    values: Array
    shift: int | Array
    rounding: str
    relu: bool
    dtype: str
    shape: tuple[int, ...]

    def rounded(self, rounding: str = "") -> Array:
        """Before the activation and before it is saturated: int64, or float64 of floats."""
        of_integers, of_floats = ROUNDINGS[rounding or self.rounding]
        if np.issubdtype(self.values.dtype, np.floating):
            return of_floats(self.values)
        shift = np.broadcast_to(np.asarray(self.shift, np.int64), self.values.shape)
        right = np.clip(shift, 0, 62)
        left = shift_left(self.values, np.maximum(-shift, 0))
        return np.where(shift > 0, of_integers(self.values, right), left)

    def result(
        self, rounding: str = "", *, wraps: bool = False, plus: Array | None = None
    ) -> Array:
        """The layer's result, with a part of the way changed.

        Parameters
        ----------
        rounding : str
            One of `ROUNDINGS`, instead of the chip's.
        wraps : bool
            Drop upper bits where the chip saturates.
        plus : numpy.ndarray, optional
            Added between rounding and activation.
        """
        values = self.rounded(rounding)
        if plus is not None:
            values = values + plus
        if self.relu:
            values = np.maximum(values, 0)
        if not wraps:
            return saturate(values, self.dtype).reshape(self.shape)
        bits = np.iinfo(self.dtype).bits
        limited = np.nan_to_num(values) if values.dtype.kind == "f" else values
        fitting = np.clip(limited, -(2.0**62), 2.0**62) if limited.dtype.kind == "f" else limited
        return wrap(fitting.astype(np.int64), bits).astype(self.dtype).reshape(self.shape)

    def shifted(self, by: int) -> Scaled:
        """With results whose exponent is larger by so much."""
        if np.issubdtype(self.values.dtype, np.floating):
            return replace(self, values=np.ldexp(self.values, -by))
        return replace(self, shift=self.shift + by)


def scaled_products(products: Products, chip: Chip) -> Scaled:
    """What a convolution or a matrix product rounds, `(positions, channels)`."""
    operator = products.operator
    relu = getattr(operator, "activation", "linear") == "relu"
    sums, shift = products.sums(chip), products.shift(chip)
    return Scaled(sums, shift, chip.rounding, relu, operator.output.dtype, sums.shape)


def scaled_of(
    operator: Operator, chip: Chip, inputs: Sequence[Array], constants: Sequence[Array]
) -> Scaled | None:
    """What a layer rounds; None where that is not known, or it rounds nothing."""
    y = operator.output
    products = products_of(operator, inputs, constants)
    if products is not None:
        return replace(scaled_products(products, chip), shape=y.shape)
    found = _values_of(operator, chip, inputs)
    if found is None:
        return None
    values, shift = found
    relu = getattr(operator, "activation", "linear") == "relu"
    return Scaled(values, shift, chip.rounding, relu, y.dtype, y.shape)


def _values_of(
    operator: Operator, chip: Chip, inputs: Sequence[Array]
) -> tuple[Array, int | Array] | None:
    found: tuple[Array, int | Array]
    match operator:
        case WithRelu():
            found = operator.formula(*(array.astype(np.int64) for array in inputs)), 0
        case Requantize():
            found = inputs[0].astype(np.int64), operator.shift
        case Mul():
            found = _of_product(operator, chip, inputs)
        case ResizeNearest() if not operator.wraps(chip):
            rows, columns = operator.sources()
            pixels = inputs[0].reshape(*operator.input_size, -1)[rows][:, columns]
            found = pixels.astype(np.int64), operator.shift
        case AveragePool2d():
            sums = operator.windows(inputs[0], 0).astype(np.int64).sum(axis=(2, 3))
            found = (sums.astype(np.float32) * operator.factor).astype(np.float64), 0
        case Quantize():
            scale = power_of_two(-operator.y.uniform_exponent)
            with np.errstate(over="ignore"):
                found = (inputs[0].astype(np.float32) * scale).astype(np.float64), 0
        case _:
            return None
    return found


def _of_product(operator: Mul, chip: Chip, inputs: Sequence[Array]) -> tuple[Array, int | Array]:
    """As integers in vectors, else through float32."""
    product = inputs[0].astype(np.int64) * inputs[1].astype(np.int64)
    if operator.in_vectors(chip):
        return product, operator.shift
    scale = power_of_two(-operator.shift)
    return (product.astype(np.float32) * scale).astype(np.float64), 0
