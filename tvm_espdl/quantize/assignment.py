"""Gives every tensor its exponent, within what the chip's kernels can compute.

Must never write a graph; the rules of sharing come from `sharing`, the numbers from `exponents`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from ..errors import DataError, ModelError
from .calibration import TensorRange
from .exponents import (
    HIGHEST_EXPONENT,
    LOWEST_EXPONENT,
    Integers,
    channel_exponents,
    smallest_exponent,
)
from .methods import Method
from .plan import Layer, Operand, Plan
from .sharing import Member, Sharing, share_exponents


@dataclass(frozen=True)
class Assignment:
    """The exponents of a quantized network.

    Attributes
    ----------
    tensors : dict of str to int
        Of every quantized activation.
    constants : dict of (int, int) to int
        Of the constant operands, by node and position.
    requantized : dict of (int, int) to int
        Of the inputs that are requantized, by node and position.
    weights : dict of int to int64 array
        Of each layer's weights, by its node: one, or one per output channel.
    per_channel : bool
        Whether weights may have one exponent per output channel.
    """

    tensors: dict[str, int]
    constants: dict[Operand, int]
    requantized: dict[Operand, int]
    weights: dict[int, Integers]
    per_channel: bool


class _LayerExponents:
    """The weight exponents of one layer, as a function of its input's exponent."""

    def __init__(self, layer: Layer, plan: Plan, chip: Chip, per_channel: bool) -> None:
        graph = plan.graph
        weight = graph.constant(layer.weight)
        split = per_channel and layer.channel_axis is not None
        rows = np.moveaxis(weight, layer.channel_axis or 0, 0) if split else weight[np.newaxis]
        if not np.isfinite(weight).all():
            raise _not_finite(layer.weight)
        self.layer = layer
        self.input: str = graph.nodes[layer.node].input[0]
        self._own = channel_exponents(rows, 8, chip.rounding)
        self._bias = np.full(len(self._own), 4 * LOWEST_EXPONENT)
        if layer.bias is not None:
            node, place = layer.bias
            bias = graph.constant(graph.nodes[node].input[place])
            if not np.isfinite(bias).all():
                raise _not_finite(graph.nodes[node].input[place])
            bits = chip.quantized_bias_bits("int8")
            needed = [
                smallest_exponent(float(b), float(b), bits, chip.rounding) if b else self._bias[0]
                for b in bias
            ]
            self._bias = np.array(needed if split else [max(needed)], dtype=np.int64)

    def at(self, input_exponent: int) -> Integers:
        """The smallest exponents at which neither weights nor bias saturate."""
        return np.maximum(self._own, self._bias - input_exponent).astype(np.int64)


def assign_exponents(
    plan: Plan, ranges: dict[str, TensorRange], method: Method, chip: Chip, *, per_channel: bool
) -> Assignment:
    """Choose all exponents.

    Parameters
    ----------
    plan : Plan
        What is quantized.
    ranges : dict of str to TensorRange
        What calibration measured.
    method : callable
        The exponent of an activation on its own, from its range.
    chip : Chip
        Its rounding and the width of its bias are kept to.
    per_channel : bool
        Whether weights get one exponent per output channel.

    Raises
    ------
    DataError, ModelError
        If a value is too large for any exponent, or a weight is not finite.
    """
    sharing = share_exponents(plan)
    own = _own_exponents(plan, sharing, ranges, method, chip)
    group = {
        root: max(own[member] for member in members if member in own)
        for root, members in sharing.groups.all().items()
    }
    for (node, place), output in sharing.edges.items():
        root = sharing.groups.find(output)
        group[root] = max(group[root], own[plan.graph.nodes[node].input[place]])
    layers = [_LayerExponents(layer, plan, chip, per_channel) for layer in plan.layers()]
    _raise_outputs(plan, sharing, group, layers)
    tensors = {name: group[sharing.groups.find(name)] for name in plan.tensors()}
    _check_limits(tensors, ranges)
    return Assignment(
        tensors,
        {member: group[sharing.groups.find(member)] for member in own if isinstance(member, tuple)},
        {
            (node, place): tensors[output]
            for (node, place), output in sharing.edges.items()
            if tensors[output] != tensors[plan.graph.nodes[node].input[place]]
        },
        {layer.layer.node: layer.at(tensors[layer.input]) for layer in layers},
        per_channel,
    )


def _own_exponents(
    plan: Plan, sharing: Sharing, ranges: dict[str, TensorRange], method: Method, chip: Chip
) -> dict[Member, int]:
    own: dict[Member, int] = {
        name: method(ranges[name], chip.rounding)
        for name in plan.tensors()
        if name not in sharing.silent
    }
    for index in plan.rules:
        for place, name in plan.constants(index):
            value = plan.graph.constant(name)
            if not np.isfinite(value).all():
                raise _not_finite(name)
            low, high = (float(value.min()), float(value.max())) if value.size else (0.0, 0.0)
            own[index, place] = smallest_exponent(low, high, 8, chip.rounding)
    return own


def _raise_outputs(
    plan: Plan, sharing: Sharing, group: dict[Member, int], layers: list[_LayerExponents]
) -> None:
    # The kernels shift the sum of products right, never left: the output's exponent is at least
    # that of the products. Raising one output may raise a layer after it, so until nothing moves;
    # it ends because exponents only pass from a layer's input on to its output.
    products = [index for index, rule in plan.rules.items() if rule.kind == "product"]
    moved = True
    while moved:
        moved = False
        needed = [
            (
                layer.layer.output,
                (exponent := group[sharing.groups.find(layer.input)])
                + int(layer.at(exponent).max()),
            )
            for layer in layers
        ]
        for index in products:
            members: list[Member] = [
                (index, place) if plan.graph.is_constant(name) else name
                for place, name in plan.operands(index)
            ]
            exponents = [group[sharing.groups.find(member)] for member in members]
            needed.append((plan.kernel_output(index), sum(exponents)))
        for output, least in needed:
            root = sharing.groups.find(output)
            if group[root] < least:
                group[root], moved = least, True


def _check_limits(tensors: dict[str, int], ranges: dict[str, TensorRange]) -> None:
    for name, exponent in tensors.items():
        if exponent > HIGHEST_EXPONENT:
            raise DataError(
                "values too large for any exponent",
                where=f"tensor {name!r}",
                found=f"{ranges[name].low:g} to {ranges[name].high:g}, exponent {exponent}",
                allowed=f"exponents up to {HIGHEST_EXPONENT}",
                try_="scale the calibration data as the network was trained",
            )


def _not_finite(name: str) -> ModelError:
    return ModelError(
        "a constant of the network is not finite",
        where=f"tensor {name!r}",
        found="NaN or infinity",
        allowed="finite numbers",
        try_="export the trained network again; replace infinite masks by large finite numbers",
    )
