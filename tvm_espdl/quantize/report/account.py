"""Makes the lines of the report from the plan, the exponents and what was measured.

Must never influence the quantization; it only looks at the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...chips import Chip
from ..calibration import TensorRange
from ..exponents import Integers, integer_limits, round_to_integer
from ..plan import Layer, Plan
from ..qdq import bias_exponents, channel_axis
from ..settled_exponents import Assignment
from ..softmax_inputs import UNLIMITED
from .clipping import bars_of, clipped_shares
from .layers import LayerNoise
from .rows import FloatRow, Role, TensorRow


@dataclass(frozen=True, eq=False)
class Account:
    """Everything that the lines are made from."""

    plan: Plan
    assignment: Assignment
    ranges: Mapping[str, TensorRange]  #: What calibration measured.
    chip: Chip
    noise: Mapping[str, LayerNoise] = field(default_factory=dict)  #: Empty where none was measured.

    def rows(self) -> tuple[TensorRow, ...]:
        """The quantized tensors, in the order of the graph."""
        plan = self.plan
        quantized = set(plan.tensors())
        layers = {layer.node: layer for layer in plan.layers()}
        rows = [self._activation(name) for name in plan.graph.inputs if name in quantized]
        for index, node in enumerate(plan.graph.nodes):
            if index in layers:
                rows.extend(self._layer(layers[index]))
            if index in plan.rules:
                rows.extend(self._operands(index))
            rows.extend(self._activation(name) for name in node.output if name in quantized)
        return tuple(rows)

    def left_float(self) -> tuple[FloatRow, ...]:
        """The operators that stayed float."""
        return tuple(
            FloatRow(node.name, node.op_type, self.plan.why_float(index))
            for index, node in enumerate(self.plan.graph.nodes)
            if index not in self.plan.rules
        )

    def _measured(
        self, name: str, role: Role, exponent: int, bits: int, noise: LayerNoise | None
    ) -> TensorRow:
        seen = self.ranges[name]
        least = most = bars = None
        if seen.histogram is not None:
            bars = bars_of(seen.histogram)
        # What lies beyond limits does not count, so that it may saturate.
        if seen.histogram is not None and seen.limits == UNLIMITED:
            least, most = clipped_shares(seen.histogram, exponent, bits, self.chip.rounding)
        return TensorRow(
            name,
            role,
            (exponent,),
            seen.low,
            seen.high,
            self._saturates(seen, exponent, bits),
            bits,
            least,
            most,
            bars,
            None if noise is None else noise.cumulative,
            None if noise is None else noise.own,
        )

    def _saturates(self, seen: TensorRange, exponent: int, bits: int) -> bool:
        lowest, highest = integer_limits(bits)
        ends = round_to_integer(np.ldexp([seen.low, seen.high], -exponent), self.chip.rounding)
        return bool(ends[0] < lowest or ends[1] > highest)

    def _activation(self, name: str) -> TensorRow:
        role: Role = "activation"
        if name in self.plan.graph.inputs:
            role = "input"
        elif name in self.plan.graph.outputs:
            role = "output"
        exponent, bits = self.assignment.tensors[name], self.plan.tensor_bits(name)
        return self._measured(name, role, exponent, bits, self.noise.get(name))

    def _operands(self, index: int) -> Iterator[TensorRow]:
        for place, name in self.plan.operands(index):
            bits = self.plan.operand_bits(index, place)
            if (index, place) in self.assignment.constants:
                exponent = self.assignment.constants[index, place]
                seen = _range_of(self.plan, name)
                beyond = self._saturates(seen, exponent, bits)
                yield TensorRow(name, "constant", (exponent,), seen.low, seen.high, beyond, bits)
            if (index, place) in self.assignment.requantized:
                exponent = self.assignment.requantized[index, place]
                yield self._measured(name, "requantized", exponent, bits, None)

    def _layer(self, layer: Layer) -> Iterator[TensorRow]:
        plan = self.plan
        weight = self.assignment.weights[layer.node]
        bias = bias_exponents(layer, plan, self.assignment)
        split = channel_axis(layer, self.assignment) is not None
        if not split:
            weight, bias = weight[:1], bias[:1]
        axis = layer.channel_axis if split else None
        yield self._constant_row(layer.weight, "weight", weight, plan.bits(layer.node), axis)
        if layer.bias is not None:
            node, place = layer.bias
            name = plan.graph.nodes[node].input[place]
            yield self._constant_row(name, "bias", bias, 32, 0 if split else None)

    def _constant_row(
        self, name: str, role: Role, exponents: Integers, bits: int, axis: int | None
    ) -> TensorRow:
        value = self.plan.graph.constant(name)
        rows = value[np.newaxis] if axis is None else np.moveaxis(value, axis, 0)
        beyond = any(
            self._saturates(TensorRange(float(row.min()), float(row.max())), int(exponent), bits)
            for row, exponent in zip(rows, exponents, strict=True)
            if row.size
        )
        seen = _range_of(self.plan, name)
        return TensorRow(name, role, tuple(exponents.tolist()), seen.low, seen.high, beyond, bits)


def _range_of(plan: Plan, name: str) -> TensorRange:
    value = plan.graph.constant(name)
    return TensorRange(float(value.min()), float(value.max())) if value.size else TensorRange(0, 0)
