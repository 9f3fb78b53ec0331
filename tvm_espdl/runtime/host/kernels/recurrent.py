"""Host kernels of gru and lstm.

Float32 behind the dot products, in the order of the source: products and sums are never fused.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.gru import Gru
from ....ops.lstm import Lstm
from ..arithmetic import power_of_two, round_float, unfused
from ..kernel import Expression, HostKernel, Kernels
from ..recurrent import Step, held, recurrent, wrapped


def gru(operator: Gru, chip: Chip, *constants: Array) -> HostKernel:
    """The kernel of a layer of gated recurrent units."""
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


def lstm(operator: Lstm, chip: Chip, *constants: Array) -> HostKernel:
    """The kernel of a layer of long short-term memory."""
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


KERNELS: Kernels = {Gru: gru, Lstm: lstm}
