"""Adaptive rounding: each weight goes up or down so that the layer's output errs least.

Weights are rounded one after the other; what a weight loses is given to those not yet rounded, in
the proportion that the data's second moments ask for. Source: Frantar and Alistarh, "Optimal Brain
Compression", 2022, and "GPTQ", 2022, with the columns in the order of their moments.

Must never change an exponent.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..chips import Rounding
from ..onnx_graphs.graph import Array
from .candidate import Values
from .exponents import Floats, Integers, held_values
from .layer_statistics import LayerStatistics, Moments, outer, patch_rows, weights_of_rows
from .plan import Layer, Plan

#: Added to the diagonal of the moments, relative to its mean: inputs that the calibration never
#: excites must not take up errors without bound.
DAMPING = 0.01

#: Columns whose errors are handed on together.
BLOCK = 64


def round_weights(
    rows: Floats, exponents: Integers, moments: Moments, bits: int, rounding: Rounding
) -> npt.NDArray[np.float64]:
    """The weights on the integer grid that change the layer's output least: float64 (G, O, K).

    `rows` are the weights (G, O, K), G groups of O outputs each, and become multiples of 2^exponent
    within the limits of `bits`, by exponents (G, O). `moments` (G, K, K) are E[x x'] of the input
    patches, or their covariance where the bias takes up the mean.
    """
    diagonal = np.diagonal(moments, axis1=1, axis2=2)
    mean = diagonal.mean(axis=1)
    # A group that never sees anything but zeros gets an identity: nothing is handed on then.
    unit = np.where(mean > 0, mean, 1.0)[:, np.newaxis, np.newaxis] * np.eye(diagonal.shape[1])
    order = np.argsort(-diagonal, axis=1, kind="stable")
    sorted_rows = np.take_along_axis(moments, order[:, :, np.newaxis], axis=1)
    upper = _factor(np.take_along_axis(sorted_rows, order[:, np.newaxis, :], axis=2), unit)
    left = np.take_along_axis(rows.astype(np.float64), order[:, np.newaxis, :], axis=2)
    held = _round_columns(left, exponents[:, :, np.newaxis], upper, bits, rounding)
    result = np.empty_like(held)
    np.put_along_axis(result, np.broadcast_to(order[:, np.newaxis, :], held.shape), held, axis=2)
    return result


def _factor(moments: Moments, unit: Moments) -> npt.NDArray[np.float64]:
    """The upper factor (G, K, K) of the inverse of the damped moments."""
    damping = DAMPING
    while True:
        try:
            inverse = np.linalg.inv(moments + damping * unit)
            return np.linalg.cholesky(inverse).transpose(0, 2, 1)
        except np.linalg.LinAlgError:
            # Few samples and float32 sums: what should be positive can come out below zero.
            damping *= 10


def _round_columns(
    left: Floats, exponents: Integers, upper: Floats, bits: int, rounding: Rounding
) -> npt.NDArray[np.float64]:
    """Round (G, O, K) column by column; `left` is used up."""
    held = np.empty_like(left, dtype=np.float64)
    columns = left.shape[2]
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        errors = np.empty((*left.shape[:2], end - start))
        for column in range(start, end):
            one = slice(column, column + 1)
            held[:, :, one] = held_values(left[:, :, one], exponents, bits, rounding)
            pivot = upper[:, column, column][:, np.newaxis, np.newaxis]
            error = (left[:, :, one] - held[:, :, one]) / pivot
            left[:, :, column + 1 : end] -= error * upper[:, one, column + 1 : end]
            errors[:, :, column - start] = error[:, :, 0]
        left[:, :, end:] -= errors @ upper[:, start:end, end:]
    return held


def rounded_layer(
    layer: Layer,
    exponents: Integers,
    plan: Plan,
    statistics: LayerStatistics,
    rounding: Rounding,
) -> Values:
    """The weights of one layer, adaptively rounded, and the bias that goes with them.

    Their exponents are int64 (C,) or (1,). Float values; empty where nothing was measured.
    """
    moments, means = statistics.moments(layer.node), statistics.means(layer.node)
    if moments is None or means is None:
        return {}
    rows = patch_rows(layer, plan.graph, plan.graph.constant(layer.weight))
    if layer.bias is not None:
        moments = moments - outer(means, means)
    held = on_grid(layer, rows, moments, exponents, plan=plan, rounding=rounding)
    return replacing(layer, held, -((held - rows) @ means[:, :, np.newaxis]), plan)


def on_grid(
    layer: Layer,
    rows: Array,
    moments: Moments,
    exponents: Integers,
    *,
    plan: Plan,
    rounding: Rounding,
) -> Array:
    """Rows of weights (G, O, K), adaptively rounded on moments (G, K, K) of what they multiply."""
    spread = np.broadcast_to(exponents, rows.shape[0] * rows.shape[1]).reshape(rows.shape[:2])
    return round_weights(rows, spread, moments, plan.bits(layer.node), rounding)


def replacing(layer: Layer, held: Array, lost: Array, plan: Plan) -> Values:
    """The weights of a layer from their rows, and its bias plus the means that it has `lost`."""
    shape = plan.graph.constant(layer.weight).shape
    values = {(layer.node, 1): weights_of_rows(layer, plan.graph, held, shape)}
    if layer.bias is not None:
        index, place = layer.bias
        bias = plan.graph.constant(plan.graph.nodes[index].input[place]).astype(np.float64)
        values[layer.bias] = bias + lost.reshape(-1)
    return values
