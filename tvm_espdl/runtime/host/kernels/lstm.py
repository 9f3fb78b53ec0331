"""Host kernel of lstm.

Float32 behind the dot products, in the order of the source: products and sums are never fused.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.lstm import Lstm
from ..arithmetic import power_of_two, round_float, unfused
from ..kernel import Expression, HostKernel
from ..recurrent import Step, held, recurrent, wrapped


def kernel(operator: Lstm, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a layer with these weights."""
    hidden_scale = T.float32(float(operator.hidden_scale))
    cell_scale = power_of_two(-operator.gate_exponent)

    def emit(step: Step) -> None:
        def at(gate: int) -> Expression:
            from_x, from_h = step.from_x(gate), step.from_h(gate)
            total = from_x + step.x_bias(gate) + from_h + step.h_bias(gate)
            return held(wrapped(total), "int32")

        i, o, f = (held(step.sigmoid(at(gate)), "float32") for gate in range(3))
        g = held(step.tanh(at(3)), "float32")
        forgotten = unfused(f * T.cast(step.c[step.i], "float32"))
        added = unfused(i * g * cell_scale)
        cell = held(wrapped(round_float(forgotten + added, "int32", chip)), "int32")
        step.c.store(cell, step.i)
        shown = o * held(step.tanh(cell), "float32") * hidden_scale
        new = round_float(shown, operator.h.dtype, chip)
        step.h.store(T.cast(new, "int32"), step.i)

    return recurrent(operator, chip, constants, emit)
