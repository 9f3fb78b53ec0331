"""What the owner of a network should know although it was quantized: the report's warnings.

Must never change anything, nor warn of what costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...onnx_graphs.graph import Array, attribute
from ...ops import Operator
from ...ops.base.accumulate import overflows
from ..plan import Layer, Plan
from ..qdq import bias_exponents, stored_constants
from .account import Account
from .rows import TensorRow

if TYPE_CHECKING:
    from ...program import Program

#: The share of saturating values that is worth a warning, of rows and of an accumulator's range.
CLIPPED, NEAR = 0.01, 0.5


def findings(account: Account, rows: Sequence[TensorRow]) -> tuple[str, ...]:
    """What plan, exponents and calibration tell, without running the quantized network."""
    return (
        *_saturation(rows),
        *_weights(account),
        *_zeros(account),
        *_requantized(account),
        *_wide(account.plan),
        *(f"{name} computes in int8: {why}" for name, why in account.plan.kept_int8),
    )


def _saturation(rows: Iterable[TensorRow]) -> Iterator[str]:
    for row in rows:
        if row.clipped is not None and row.clipped > CLIPPED:
            yield (
                f"{row.name}: {row.clipped:.1%} of the values in calibration saturate at exponent "
                f"{row.exponents[0]}"
            )


def _weights(account: Account) -> Iterator[str]:
    plan, stored = account.plan, stored_constants(account.plan, account.assignment, account.chip)
    for layer in plan.layers():
        value = account.assignment.values.get((layer.node, 1), plan.graph.constant(layer.weight))
        integers = stored[layer.node, 1].integers(value, account.chip.rounding)
        used, kept = _channels(value, layer, plan), _channels(integers, layer, plan)
        if not kept.any():
            what = "all weights are zero" if not used.any() else "all weights round to zero"
            yield f"{layer.weight}: {what}, the output is the bias"
            continue
        dead, lost = int((~used).sum()), int((used & ~kept).sum())
        if dead:
            yield f"{layer.weight}: {dead} of {used.size} output channels have only zero weights"
        if lost:
            yield (
                f"{layer.weight}: the weights of {lost} of {used.size} output channels round to "
                "zero, because others are much larger"
            )


def _channels(weights: Array, layer: Layer, plan: Plan) -> Array:
    """Whether each output channel of a layer has a weight other than zero."""
    node = plan.graph.nodes[layer.node]
    if node.op_type == "ConvTranspose":
        groups = attribute(node, "group", 1)
        parts = weights.reshape(groups, weights.shape[0] // groups, weights.shape[1], -1)
        return np.asarray(parts.any(axis=(1, 3)).reshape(-1))
    axis = 0 if layer.channel_axis is not None else weights.ndim - 1
    return np.asarray(weights.any(axis=tuple(a for a in range(weights.ndim) if a != axis)))


def _zeros(account: Account) -> Iterator[str]:
    for name in account.plan.tensors():
        seen = account.ranges[name]
        if seen.low == seen.high == 0.0:
            yield f"{name}: always zero in calibration; whatever reads it is dead"


def _requantized(account: Account) -> Iterator[str]:
    plan = account.plan
    for (index, place), exponent in account.assignment.requantized.items():
        node = plan.graph.nodes[index]
        name = node.input[place]
        yield (
            f"{name}: requantized from exponent {account.assignment.tensors[name]} to {exponent} "
            f"for {node.op_type} {node.name or node.output[0]}"
        )


def _wide(plan: Plan) -> Iterator[str]:
    if plan.wide:
        names = [plan.graph.nodes[index].name or plan.kernel_output(index) for index in plan.wide]
        compute = "operator computes" if len(names) == 1 else "operators compute"
        yield f"{len(names)} {compute} in int16: {', '.join(sorted(names))}"


def dead_channels(tensors: dict[str, Array], samples: int) -> Iterator[str]:
    """Warnings of channels that a Relu never lets through on so many samples.

    Of each Relu's output, `tensors` says whether a channel was ever above zero, bool (C,).
    """
    for name, alive in tensors.items():
        if alive.any() and not alive.all():
            yield (
                f"{name}: {int((~alive).sum())} of {alive.size} channels are zero on all "
                f"{samples} samples looked at (dead Relus)"
            )


def accumulator_findings(account: Account, program: Program) -> tuple[str, ...]:
    """One sentence where sums of products can leave the chip's register: how near they have come.

    "Can" is the bound over all inputs; "seen" is the layer's largest sum in calibration, its
    partial sums not included.
    """
    plan = account.plan
    layers = {layer.output: layer for layer in plan.layers()}
    seen = []
    for step in program.steps:
        layer = layers.get(step.outputs[0])
        if layer is None or not isinstance(step.operator, Operator):
            continue
        found = overflows(account.chip, step.operator, step.constants)
        if found:
            register = min((one.register for one in found), key=lambda register: register.bits)
            share = _largest_sum(account, layer) / register.highest
            seen.append((share, step.outputs[0], register.bits))
    if not seen:
        return ()
    seen.sort(key=lambda entry: -entry[0])
    share, worst, bits = seen[0]
    register_name = f"{bits}-bit accumulator of the {account.chip.name}"
    near = [f"{name} {share:.0%}" for share, name, _ in seen[1:] if share > NEAR]
    if share > NEAR:
        others = f", and {', '.join(near)}" if near else ""
        return (f"{worst}: sums in calibration reach {share:.0%} of the {register_name}{others}",)
    layers_of = "1 layer" if len(seen) == 1 else f"{len(seen)} layers"
    return (
        f"in calibration sums come to at most {share:.0%} of the {register_name} ({worst}); inputs "
        f"that leave it exist for {layers_of}",
    )


def _largest_sum(account: Account, layer: Layer) -> float:
    seen = account.ranges.get(account.plan.sum_tensor(layer))
    if seen is None:
        return 0.0
    exponent = int(bias_exponents(layer, account.plan, account.assignment).min())
    return float(np.ldexp(max(abs(seen.low), abs(seen.high)), -exponent))
