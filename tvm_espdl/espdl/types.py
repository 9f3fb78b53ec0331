"""Types of a file's values, and the functions of floats: plain data under the reader of nodes.

Types are checked for what a chip can hold. What a node means is said in `families`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from ..errors import ModelError
from ..ops import Tensor
from ..ops.base.rounding import Array
from .schema import Graph

LARGEST_TENSOR = 1 << 26
LARGEST_EXPONENT = 40  # up to which all kernels agree
ACTIVATION_DTYPES = ("int8", "int16", "float32", "bool")
Operand = str | Array
Shape = tuple[int, ...]


@dataclass(frozen=True)
class FloatCall:
    """A function of float32 tensors, which ESP-DL evaluates with the C library; broadcast.

    `name` is that of Relax's operator; `axis` is not negative, None for functions without one.
    """

    name: str
    xs: tuple[Tensor, ...]
    y: Tensor
    axis: int | None = None

    @property
    def output(self) -> Tensor:
        """The result."""
        return self.y

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """In double precision, rounded once."""
        with np.errstate(all="ignore"):
            given = [array.astype(np.float64) for array in arrays]
            axis = () if self.axis is None else (self.axis,)
            return FLOAT_FUNCTIONS[self.name](*given, *axis).astype(self.y.dtype)


def _softmax(x: Array, axis: int) -> Array:
    exponentials = np.exp(x - x.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


FLOAT_FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "negative": np.negative,
    "nn.log_softmax": lambda x, axis: np.log(_softmax(x, axis)),
    "nn.relu": lambda x: np.maximum(x, 0),
    "nn.silu": lambda x: x / (1 + np.exp(-x)),
    "nn.softmax": _softmax,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    # Of two tensors.
    "add": np.add,
    "divide": np.divide,
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "multiply": np.multiply,
    "power": np.power,
    "subtract": np.subtract,
}


class Types:
    """Types of all values of a graph, checked for what a chip can hold; messages name the file."""

    def __init__(self, graph: Graph, where: str) -> None:
        self.where = where
        self._values = dict(graph.values)
        for value in (*graph.inputs, *graph.outputs):
            self._values.setdefault(value.name, value)

    def correct(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The type of an activation under another shape than the file states."""
        value = self._values.get(name)
        if value is not None:
            self._values[name] = dataclasses.replace(value, shape=shape)
        return self.of(name)

    def of(self, name: str) -> Tensor:
        """The type of an activation.

        Refused if the file does not say, or says something impossible: more than any chip's
        memory, or no exponent.
        """
        value = self._values.get(name)
        if value is None or value.shape is None or value.dtype not in ACTIVATION_DTYPES:
            found = "nothing" if value is None else f"{value.dtype or 'no type'}, {value.shape}"
            raise ModelError(
                "the file does not give the type of a value",
                where=f"{self.where}, value {name!r}",
                found=found,
                allowed=f"a shape, and {', '.join(ACTIVATION_DTYPES)}",
            )
        where, exponents = f"{self.where}, {name!r}", value.exponents
        tensor = Tensor(value.dtype, value.shape)
        if min(tensor.shape, default=1) < 1 or tensor.nbytes > LARGEST_TENSOR:
            raise ModelError(
                "no tensor that a chip can hold",
                where=where,
                found=f"shape {tensor.shape}",
                allowed=f"1 to {LARGEST_TENSOR} bytes",
            )
        if tensor.dtype in ("float32", "bool"):
            return tensor
        if len(exponents) != 1 or abs(exponents[0]) > LARGEST_EXPONENT:
            raise ModelError(
                "no exponent of an activation",
                where=where,
                found=list(exponents[:8]),
                allowed=f"one, between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}",
            )
        return dataclasses.replace(tensor, exponent=int(exponents[0]))
