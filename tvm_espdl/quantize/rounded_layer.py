"""The weights of one layer, rounded so that its output errs least, and the bias with them.

Must never change an exponent.
"""

from __future__ import annotations

import numpy as np

from ..chips import Rounding
from ..onnx_graphs.graph import Array
from .candidate import Values
from .exponents import Integers
from .layer_statistics import LayerStatistics, Moments, outer, patch_rows, weights_of_rows
from .plan import Layer, Plan
from .weight_rounding import round_weights


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
