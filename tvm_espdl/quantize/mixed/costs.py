"""About how many cycles a network takes in int8 and in int16, for comparing choices of widths.

Must never be shown as a prediction of time: one figure per kind of operator, whatever its shape.

The figures of chips with vectors are medians over the shapes that were simulated both in int8 and
in int16 with 16 channels or more, first run, caches cold: ESP-DL's own assembly run instruction by
instruction, priced with coefficients fitted to the latencies that Espressif publishes. Those of
plain C are Espressif's published int8 figures of its C kernels; int16 there is an estimate, for the
sums take two registers. Every figure of moving and computing single elements follows the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...chips import Chip
from ...onnx_graphs.graph import attribute
from ..multiply_accumulates import channels_read, elements, node_multiply_accumulates
from ..plan import Plan
from ..precision import borders, is_inside

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
    moved = sum(elements(plan, name) for _, _, name in borders(plan))
    return operators + moved * cycles.requantize


def _node_cycles(plan: Plan, index: int, cycles: Cycles) -> float:
    node, wide = plan.graph.nodes[index], int(plan.bits(index) == 16)
    products = node_multiply_accumulates(plan, index)
    if node.op_type in ("Conv", "ConvTranspose"):
        alone = channels_read(plan, index) == 1 and attribute(node, "group", 1) > 1
        return (cycles.depthwise if alone else cycles.convolution)[wide] * products
    if products:
        return cycles.product[wide] * products
    return cycles.element[wide] * elements(plan, node.output[0])
