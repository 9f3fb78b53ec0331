"""Makes the report of a quantization from its plan, its exponents and the measured ranges.

Must never influence the quantization; it only looks at the result.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..chips import Chip
from .assignment import Assignment
from .calibration import TensorRange
from .exponents import Integers, integer_limits, round_to_integer
from .plan import Layer, Plan
from .qdq import bias_exponents, channel_axis
from .report import FloatRow, QuantizationReport, Role, TensorRow


def make_report(
    plan: Plan,
    assignment: Assignment,
    ranges: dict[str, TensorRange],
    chip: Chip,
    *,
    method: str,
    samples: int,
) -> QuantizationReport:
    """Make the report.

    Parameters
    ----------
    plan : Plan
        What was quantized.
    assignment : Assignment
        All exponents.
    ranges : dict of str to TensorRange
        What calibration measured.
    chip : Chip
        The chip that was quantized for.
    method : str
        How the exponents of activations were chosen.
    samples : int
        How many samples were used.
    """
    quantized = set(plan.tensors())
    layers = {layer.node: layer for layer in plan.layers()}
    rows = [
        _activation(name, plan, assignment, ranges, chip)
        for name in plan.graph.inputs
        if name in quantized
    ]
    for index, node in enumerate(plan.graph.nodes):
        if index in layers:
            rows.extend(_layer(layers[index], plan, assignment))
        if index in plan.rules:
            rows.extend(_operands(index, plan, assignment, ranges, chip))
        rows.extend(
            _activation(name, plan, assignment, ranges, chip)
            for name in node.output
            if name in quantized
        )
    left = tuple(
        FloatRow(node.name, node.op_type)
        for index, node in enumerate(plan.graph.nodes)
        if index not in plan.rules
    )
    return QuantizationReport(chip.name, method, samples, tuple(rows), left)


def _row(name: str, role: Role, exponent: int, seen: TensorRange, chip: Chip) -> TensorRow:
    lowest, highest = integer_limits(8)
    ends = round_to_integer(np.ldexp([seen.low, seen.high], -exponent), chip.rounding)
    saturates = bool(ends[0] < lowest or ends[1] > highest)
    return TensorRow(name, role, (exponent,), seen.low, seen.high, saturates)


def _activation(
    name: str, plan: Plan, assignment: Assignment, ranges: dict[str, TensorRange], chip: Chip
) -> TensorRow:
    role: Role = "activation"
    if name in plan.graph.inputs:
        role = "input"
    elif name in plan.graph.outputs:
        role = "output"
    return _row(name, role, assignment.tensors[name], ranges[name], chip)


def _operands(
    index: int, plan: Plan, assignment: Assignment, ranges: dict[str, TensorRange], chip: Chip
) -> Iterator[TensorRow]:
    for place, name in plan.operands(index):
        if (index, place) in assignment.constants:
            seen = _range_of(plan, name)
            yield _row(name, "constant", assignment.constants[index, place], seen, chip)
        if (index, place) in assignment.requantized:
            exponent = assignment.requantized[index, place]
            yield _row(name, "requantized", exponent, ranges[name], chip)


def _layer(layer: Layer, plan: Plan, assignment: Assignment) -> Iterator[TensorRow]:
    weight, bias = assignment.weights[layer.node], bias_exponents(layer, plan, assignment)
    if channel_axis(layer, assignment) is None:
        weight, bias = weight[:1], bias[:1]
    yield _constant_row(layer.weight, "weight", weight, plan)
    if layer.bias is not None:
        node, place = layer.bias
        yield _constant_row(plan.graph.nodes[node].input[place], "bias", bias, plan)


def _constant_row(name: str, role: Role, exponents: Integers, plan: Plan) -> TensorRow:
    # Exponents of weights and biases are chosen so that nothing saturates.
    seen = _range_of(plan, name)
    return TensorRow(name, role, tuple(exponents.tolist()), seen.low, seen.high, False)


def _range_of(plan: Plan, name: str) -> TensorRange:
    value = plan.graph.constant(name)
    return TensorRange(float(value.min()), float(value.max())) if value.size else TensorRange(0, 0)
