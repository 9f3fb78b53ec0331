"""The weights of one layer, rounded so that its output errs least, and the bias with them.

Must never change an exponent.
"""

from __future__ import annotations

import numpy as np

from ..chips import Rounding
from ..onnx_graphs.graph import attribute
from .candidate import Values
from .exponents import Integers
from .layer_statistics import LayerStatistics, patch_rows, weights_of_rows
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

    Parameters
    ----------
    layer : Layer
        A node with constant weights.
    exponents : int64 array (C,) or (1,)
        Of its weights.
    plan : Plan
        What is quantized.
    statistics : LayerStatistics
        What the weights are multiplied with.
    rounding : str
        `chip.rounding`.

    Returns
    -------
    dict of (int, int) to array
        Float values by node and position; empty where nothing was measured.
    """
    moments, means = statistics.moments(layer.node), statistics.means(layer.node)
    if moments is None or means is None:
        return {}
    node, weight = plan.graph.nodes[layer.node], plan.graph.constant(layer.weight)
    rows = patch_rows(layer, plan.graph, weight, attribute(node, "group", 1)).astype(np.float64)
    spread = np.broadcast_to(exponents, rows.shape[0] * rows.shape[1]).reshape(rows.shape[:2])
    if layer.bias is not None:
        moments = moments - means[:, :, np.newaxis] * means[:, np.newaxis, :]
    held = round_weights(rows, spread, moments, plan.bits(layer.node), rounding)
    values = {(layer.node, 1): weights_of_rows(layer, plan.graph, held, weight.shape)}
    if layer.bias is not None:
        index, place = layer.bias
        bias = plan.graph.constant(plan.graph.nodes[index].input[place]).astype(np.float64)
        values[layer.bias] = bias - ((held - rows) @ means[:, :, np.newaxis]).reshape(-1)
    return values
