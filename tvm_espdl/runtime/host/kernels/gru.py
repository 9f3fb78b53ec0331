"""Host kernel of gru.

Float32 behind the dot products, in the order of the source: products and sums are never fused.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.gru import Gru
from ..arithmetic import round_float, unfused
from ..kernel import HostKernel
from ..recurrent import Step, held, recurrent, wrapped


def kernel(operator: Gru, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a layer with these weights."""
    scale = T.float32(float(operator.hidden_scale))

    def emit(step: Step) -> None:
        x_sums = [held(wrapped(step.from_x(g) + step.x_bias(g)), "int32") for g in range(3)]
        h_sums = [held(wrapped(step.from_h(g) + step.h_bias(g)), "int32") for g in range(3)]
        z, r = (
            held(step.sigmoid(held(x_sums[g] + h_sums[g], "int32")), "float32") for g in range(2)
        )
        kept = unfused(r * T.cast(h_sums[2], "float32"))
        index = round_float(T.cast(x_sums[2], "float32") + kept, "int32", chip)
        n = held(step.tanh(held(index, "int32")), "float32")
        fresh = unfused((T.float32(1) - z) * n * scale)
        old = unfused(z * T.cast(step.h[step.i], "float32"))
        new = round_float(fresh + old, operator.h.dtype, chip)
        step.h.store(T.cast(new, "int32"), step.i)

    return recurrent(operator, chip, constants, emit)
