"""About how many cycles a network takes in int8 and in int16, for comparing choices of widths.

Must never be shown as a prediction of time: one figure per kind of operator, whatever its shape.
`estimate` predicts time, of programs with their kernels and places in memory; what is compared here
has neither yet, and must not depend on a firmware's settings. Tests hold the figures to its prices.
"""

from __future__ import annotations

from ...chips import Chip, Cycles
from ...onnx_graphs.graph import attribute
from ..multiply_accumulates import channels_read, elements, node_multiply_accumulates
from ..plan import Plan
from ..precision import borders, is_inside


def network_cycles(plan: Plan, chip: Chip) -> float:
    """About how many cycles the operators of `plan` take on `chip`.

    Those of a rule, that is, whether they are quantized or were kept float; what no rule takes
    costs the same whatever is chosen.
    """
    cycles = chip.cycles
    operators = sum(_node_cycles(plan, i, cycles) for i in plan.rules if not is_inside(plan, i))
    moved = sum(elements(plan, name) for _, _, name in borders(plan))
    kept = sum(_float_cycles(plan, index, cycles) for index in plan.kept_float)
    return operators + moved * cycles.requantize + kept


def _float_cycles(plan: Plan, index: int, cycles: Cycles) -> float:
    """Of a node that TVM computes, and of the float tensors that are made of integers for it."""
    product, element = cycles.real
    node = plan.graph.nodes[index]
    read = {name for name in node.input if plan.is_integer(name)}
    made = elements(plan, node.output[0]) + sum(elements(plan, name) for name in read)
    return product * node_multiply_accumulates(plan, index) + element * made


def _node_cycles(plan: Plan, index: int, cycles: Cycles) -> float:
    node, wide = plan.graph.nodes[index], int(plan.bits(index) == 16)
    products = node_multiply_accumulates(plan, index)
    if node.op_type in ("Conv", "ConvTranspose"):
        alone = channels_read(plan, index) == 1 and attribute(node, "group", 1) > 1
        return (cycles.depthwise if alone else cycles.convolution)[wide] * products
    if products:
        return cycles.product[wide] * products
    return cycles.element[wide] * elements(plan, node.output[0])
