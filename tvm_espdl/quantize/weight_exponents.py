"""The exponents of weights: the finest that holds them all, or one that errs less at the output.

Must never look at activations themselves: rows of weights and moments of what they multiply.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..chips import Rounding
from .exponents import Floats, Integers, channel_exponents, held_values
from .layer_statistics import LayerStatistics, Moments, patch_rows
from .plan import Layer, Plan
from .workers import map_ahead

#: Exponents below the saturation-free one that are tried: 1/2 and 1/4 of its range.
DEPTH = 2


def output_error(errors: Floats, moments: Moments) -> Floats:
    """Mean square of what errors of weights do to each output: (G, O).

    E[(dw·x)²] = dw·E[xx']·dw', from errors (G, O, K), G groups of O outputs each, and moments
    E[x x'] (G, K, K) of the input patches.
    """
    return np.asarray(((errors @ moments) * errors).sum(axis=-1))


def least_error_exponents(
    rows: Floats,
    moments: Moments | None,
    bits: int,
    rounding: Rounding,
    *,
    per_channel: bool,
) -> Integers:
    """The weight exponents, int64 (G * O,) or (1,), at which the layer's output errs least.

    From weights (G, O, K), G groups of O outputs each, and the moments E[x x'] (G, K, K) of the
    input patches; without these all weights weigh alike. Each output may have its own exponent, or
    all have one.
    """
    outputs = rows.reshape(-1, rows.shape[-1])
    largest = channel_exponents(outputs if per_channel else rows[np.newaxis], bits, rounding)
    costs, shape = [], (*rows.shape[:2], 1) if per_channel else (1,)
    for depth in range(DEPTH + 1):
        errors = held_values(rows, (largest - depth).reshape(shape), bits, rounding) - rows
        cost = output_error(errors, moments) if moments is not None else (errors**2).sum(axis=-1)
        costs.append(cost.reshape(-1) if per_channel else cost.sum(keepdims=True).reshape(1))
    # argmin takes the first of equals: the exponent at which nothing saturates.
    return np.asarray(largest - np.argmin(costs, axis=0), dtype=np.int64)


def layer_weight_exponents(
    plan: Plan,
    statistics: LayerStatistics,
    rounding: Rounding,
    *,
    per_channel: bool,
    nodes: Collection[int] | None = None,
) -> dict[int, Integers]:
    """The weight exponents at which each layer's output errs least, by the layer's node.

    Of the layers `nodes` only, where those are given.
    """
    layers = [layer for layer in plan.layers() if nodes is None or layer.node in nodes]

    def choose(layer: Layer) -> Integers:
        return least_error_exponents(
            _rows(layer, plan),
            statistics.moments(layer.node),
            plan.bits(layer.node),
            rounding,
            per_channel=per_channel and layer.channel_axis is not None,
        )

    found = map_ahead(choose, layers)
    return {layer.node: exponents for layer, exponents in zip(layers, found, strict=True)}


def _rows(layer: Layer, plan: Plan) -> Floats:
    node, weight = plan.graph.nodes[layer.node], plan.graph.constant(layer.weight)
    if node.op_type == "ConvTranspose" or (node.op_type == "MatMul" and weight.ndim != 2):
        # One exponent for all, and no patches were measured.
        return weight.reshape(1, 1, -1).astype(np.float64)
    return patch_rows(layer, plan.graph, weight)
