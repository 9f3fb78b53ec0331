"""What a file of exponents has to say about a quantization that was made."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import ModelProto

from ...chips import Chip
from ...onnx_graphs.graph import Graph
from ...onnx_graphs.rewriting import opset_of
from ..channel_scaling import Scaling
from ..plan import Plan
from ..qdq import stored_constants
from ..settled_exponents import Assignment
from .integers import chosen_integers
from .record import Chosen, Held, Place, SavedExponents


def node_name(graph: Graph, index: int) -> str:
    """What a node goes by: the first of its results, which no other node has."""
    return next(name for name in graph.nodes[index].output if name)


def saved_of(
    model: ModelProto, plan: Plan, assignment: Assignment, scaling: Scaling, chip: Chip
) -> SavedExponents:
    """The exponents of a quantization, and the integers that are not the nearest ones.

    Of a preprocessed float network, its channels scaled by `scaling`, that `plan` was made from.
    """
    graph = plan.graph
    exponents = {**assignment.constants, **assignment.requantized}
    return SavedExponents(
        chip.name,
        opset_of(model),
        assignment.per_channel,
        tuple(node_name(graph, index) for index in sorted(plan.wide)),
        tuple(node_name(graph, index) for index in sorted(plan.kept_float)),
        {name: Held(plan.tensor_bits(name), e) for name, e in assignment.tensors.items()},
        {
            (node_name(graph, index), place): Held(plan.operand_bits(index, place), exponent)
            for (index, place), exponent in sorted(exponents.items())
        },
        {
            node_name(graph, node): tuple(int(e) for e in found)
            for node, found in assignment.weights.items()
        },
        {name: tuple(float(one) for one in factors) for name, factors in scaling.items()},
        dict(_integers(plan, assignment, chip)),
    )


def _integers(plan: Plan, assignment: Assignment, chip: Chip) -> Iterator[tuple[Place, Chosen]]:
    stored = stored_constants(plan, assignment, chip)
    for operand in sorted(assignment.values.keys() & stored.keys()):
        value, constant = assignment.values[operand], stored[operand]
        float_ = plan.graph.constant(constant.name)
        yield (
            (node_name(plan.graph, operand[0]), operand[1]),
            chosen_integers(constant, float_, value, chip.rounding),
        )
