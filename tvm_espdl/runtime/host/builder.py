"""The builder that is handed to operators: TVM's expressions under the names of `ops.base.builder`.

It makes expressions and, for a search, statements; it must never know an operator.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops.base.builder import Builder
from . import arithmetic, functions
from .kernel import Expression, registers


def builder_of(chip: Chip, dtype: str) -> Builder:
    """The builder for results of a type on a chip."""
    return _Tir(chip, dtype)


class _Tir:
    def __init__(self, chip: Chip, dtype: str) -> None:
        self.chip, self.dtype = chip, dtype

    def cast(self, value: Expression, dtype: str) -> Expression:
        return T.cast(value, dtype)

    def integer(self, value: int) -> Expression:
        return T.IntImm(self.dtype, value)

    def real(self, value: float) -> Expression:
        return T.float32(float(np.float32(value)))

    def double(self, value: float) -> Expression:
        return T.float64(value)

    def min(self, a: Expression, b: Expression) -> Expression:
        return T.min(a, b)

    def max(self, a: Expression, b: Expression) -> Expression:
        return T.max(a, b)

    def select(self, condition: Expression, yes: Expression, no: Expression) -> Expression:
        return T.Select(condition, yes, no)

    def limit(self, value: Expression, low: float, high: float) -> Expression:
        lowest, highest = (T.cast(T.float64(n), value.ty.dtype) for n in (low, high))
        below = T.Select(value < highest, value, highest)
        return T.Select(below > lowest, below, lowest)

    def separate(self, product: Expression) -> Expression:
        return functions.rounded(product)

    def exp(self, real: Expression) -> Expression:
        return functions.exponential(real)

    def log(self, real: Expression) -> Expression:
        return self.math("log", real)

    def math(self, name: str, real: Expression) -> Expression:
        return T.cast(getattr(T, name)(T.cast(real, "float64")), "float32")

    def sqrt(self, real: Expression) -> Expression:
        return T.sqrt(real)

    def pow(self, a: Expression, b: Expression) -> Expression:
        return T.cast(T.pow(T.cast(a, "float64"), T.cast(b, "float64")), "float32")

    def fmod(self, a: Expression, b: Expression) -> Expression:
        return T.call_extern("float32", "fmodf", a, b)

    def logistic(self, real: Expression) -> Expression:
        return functions.logistic(real)

    def rounded(self, real: Expression) -> Expression:
        return arithmetic.round_float(real, self.dtype, self.chip)

    def shifted(self, value: Expression, shift: int) -> Expression:
        return arithmetic.rescale(value, (shift,), self.dtype, self.chip)

    def newton_root(self, real: Expression, close: float, steps: int) -> Expression:
        """Emit the search; a result that was found stays for the steps that are left."""
        number, last, result = (registers(1, "float32") for _ in range(3))
        searching = registers(1, "bool")
        T.buffer_store(number, real, [0])
        T.buffer_store(result, number[0], [0])
        T.buffer_store(searching, number[0] > T.float32(0), [0])
        with T.serial(steps):
            T.buffer_store(last, result[0], [0])
            better = (last[0] + number[0] / last[0]) * T.float32(0.5)
            T.buffer_store(result, T.Select(searching[0], better, last[0]), [0])
            far = T.abs(result[0] - last[0]) > T.float32(close)
            T.buffer_store(searching, far, [0])
        return result[0]
