"""The builder that is handed to operators: TVM's expressions under the names of `ops.base.builder`.

It makes expressions and, for a search, statements; it must never know an operator.
"""

from __future__ import annotations

import numpy as np
from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops.base.builder import Builder
from ...ops.base.newton import MOST_STEPS, NEWTON_ENDS
from . import arithmetic
from .kernel import Expression, registers


def builder_of(chip: Chip, dtype: str) -> Builder:
    """The builder for results of a type on a chip."""
    return _Tir(chip, dtype)


class _Tir:
    cast, min, max, select = map(staticmethod, (T.cast, T.min, T.max, T.Select))
    double, sqrt = map(staticmethod, (T.float64, T.sqrt))
    exp, log = staticmethod(arithmetic.exponential), staticmethod(arithmetic.logarithm)
    logistic, separate = staticmethod(arithmetic.logistic), staticmethod(arithmetic.unfused)

    def __init__(self, chip: Chip, dtype: str) -> None:
        self.chip, self.dtype = chip, dtype

    def integer(self, value: int) -> Expression:
        return T.IntImm(self.dtype, value)

    def real(self, value: float) -> Expression:
        return T.float32(float(np.float32(value)))

    def limit(self, value: Expression, low: float, high: float) -> Expression:
        lowest, highest = (T.cast(T.float64(n), value.ty.dtype) for n in (low, high))
        below = T.Select(value < highest, value, highest)
        return T.Select(below > lowest, below, lowest)

    def math(self, name: str, real: Expression) -> Expression:
        return T.cast(getattr(T, name)(T.cast(real, "float64")), "float32")

    def pow(self, a: Expression, b: Expression) -> Expression:
        return T.cast(T.pow(T.cast(a, "float64"), T.cast(b, "float64")), "float32")

    def fmod(self, a: Expression, b: Expression) -> Expression:
        return T.call_extern("float32", "fmodf", a, b)

    def rounded(self, real: Expression) -> Expression:
        return arithmetic.round_float(real, self.dtype, self.chip)

    def shifted(self, value: Expression, shift: int) -> Expression:
        return arithmetic.rescale(value, (shift,), self.dtype, self.chip)

    def newton_root(self, real: Expression) -> Expression:
        """Emit the search."""
        value, root, last = (registers(1, "float32") for _ in range(3))
        searching = registers(1, "bool")
        T.buffer_store(value, real, [0])
        T.buffer_store(root, value[0], [0])
        T.buffer_store(searching, value[0] > T.float32(0), [0])
        with T.serial(MOST_STEPS), T.If(searching[0]), T.Then():
            T.buffer_store(last, root[0], [0])
            step = (last[0] + value[0] / last[0]) * T.float32(0.5)
            T.buffer_store(root, arithmetic.unfused(step), [0])
            far = T.abs(root[0] - last[0]) > T.float32(float(np.float32(NEWTON_ENDS)))
            T.buffer_store(searching, far, [0])
        return root[0]
