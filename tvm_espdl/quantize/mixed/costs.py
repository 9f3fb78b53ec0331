"""About how many cycles a network takes in int8 and in int16, for comparing choices of widths.

Must never be shown as a prediction of time: one figure per kind of operator, whatever its shape.

The figures of chips with vectors are medians over the shapes that were simulated both in int8 and
in int16 with 16 channels or more, first run, caches cold: ESP-DL's own assembly run instruction by
instruction, priced with coefficients fitted to the latencies that Espressif publishes. Those of
plain C are Espressif's published int8 figures of its C kernels; int16 there is an estimate, for the
sums take two registers. Every figure of moving and computing single elements follows the bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...chips import Chip
from ..graph import attribute
from ..plan import Plan
from ..precision import borders, is_inside
from ..recurrent import R, W, X

#: Cycles in int8 and in int16.
Pair = tuple[float, float]


@dataclass(frozen=True)
class Cycles:
    """Cycles of one chip family.

    Attributes
    ----------
    convolution, depthwise, product : (float, float)
        Per multiply-accumulate in int8 and int16, of convolutions, depthwise convolutions, and
        matrix products, whose weights are used once.
    element : (float, float)
        Per element of the result of any other operator.
    requantize : float
        Per element that is brought to another width.
    """

    convolution: Pair
    depthwise: Pair
    product: Pair
    element: Pair
    requantize: float


CYCLES: Mapping[str, Cycles] = {
    "pie_v1": Cycles((0.20, 0.54), (0.87, 1.68), (2.76, 5.98), (6.7, 13.5), 9.4),
    "pie_v2": Cycles((0.14, 0.34), (0.59, 1.06), (1.42, 2.83), (4.6, 9.1), 4.9),
    "c": Cycles((11.5, 14.0), (16.5, 20.0), (11.5, 14.0), (20.0, 24.0), 20.0),
}


def network_cycles(plan: Plan, chip: Chip) -> float:
    """About how many cycles the quantized operators of `plan` take on `chip`.

    Parameters
    ----------
    plan : Plan
        What is quantized, and which nodes compute in int16.
    chip : Chip
        The chip.
    """
    cycles = CYCLES[chip.family]
    operators = sum(_node_cycles(plan, i, cycles) for i in plan.rules if not is_inside(plan, i))
    elements = sum(_elements(plan, name) for _, _, name in borders(plan))
    return operators + elements * cycles.requantize


def _elements(plan: Plan, tensor: str) -> int:
    return math.prod(plan.graph.shape(tensor) or ())


def _node_cycles(plan: Plan, index: int, cycles: Cycles) -> float:
    graph, node, wide = plan.graph, plan.graph.nodes[index], int(plan.bits(index) == 16)
    results = _elements(plan, node.output[0])
    if node.op_type in ("Conv", "ConvTranspose"):
        weight = graph.shape(node.input[1]) or ()
        group = attribute(node, "group", 1)
        inputs = weight[0] // group if node.op_type == "ConvTranspose" else weight[1]
        kind = cycles.depthwise if inputs == 1 and group > 1 else cycles.convolution
        return kind[wide] * results * inputs * math.prod(weight[2:])
    if node.op_type in ("Gemm", "MatMul"):
        depth = (graph.shape(node.input[0]) or (1,))[-1]
        return cycles.product[wide] * results * depth
    if node.op_type in ("GRU", "LSTM"):
        steps = _elements(plan, node.input[X]) // (graph.shape(node.input[W]) or (1,))[-1]
        weights = _elements(plan, node.input[W]) + _elements(plan, node.input[R])
        return cycles.product[wide] * steps * weights
    return cycles.element[wide] * results
