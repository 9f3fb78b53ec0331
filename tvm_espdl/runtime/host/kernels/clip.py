"""Host kernel of clip.

The limits are integers of the input; the float32 rescaling that follows is never left out.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.clip import Clip
from ..arithmetic import power_of_two, round_float
from ..kernel import Expression, HostKernel, elementwise


def kernel(operator: Clip, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a limit to a range."""
    scale = power_of_two(operator.x.uniform_exponent - operator.y.uniform_exponent)

    def compute(value: Expression) -> Expression:
        # NumPy's order: where the limits cross, the upper one counts.
        raised = T.max(T.cast(value, "int32"), operator.low)
        limited = T.min(raised, operator.high)
        return round_float(T.cast(limited, "float32") * scale, operator.y.dtype, chip)

    return elementwise(operator.x, operator.y, compute)
