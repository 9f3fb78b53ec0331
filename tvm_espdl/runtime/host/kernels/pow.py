"""Host kernel of pow: in double precision, rounded once to float32, as `ops.pow` says."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.pow import Pow
from ..kernel import Expression, HostKernel
from ..real_numbers import real_binary


def kernel(operator: Pow, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a power."""

    def formula(a: Expression, b: Expression) -> Expression:
        power = T.pow(T.cast(a, "float64"), T.cast(b, "float64"))
        return T.cast(power, "float32")

    return real_binary(operator, chip, formula)
