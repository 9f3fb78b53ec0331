"""Host kernel of mod: the C library's `fmodf`, which is exact; a remainder by zero is zero."""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.mod import Mod
from ..kernel import Expression, HostKernel
from ..real_numbers import real_binary


def kernel(operator: Mod, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a remainder."""

    def formula(a: Expression, b: Expression) -> Expression:
        zero = T.float32(0.0)
        divisor = T.Select(b == zero, T.float32(1.0), b)
        remainder = T.call_extern("float32", "fmodf", a, divisor)
        return T.Select(b == zero, zero, remainder)

    return real_binary(operator, chip, formula)
