"""Bias correction: what quantization adds to the mean of each channel is taken off its bias.

Must never touch a weight. Layers are corrected in order, each behind those corrected already.
Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
2019, with the means measured instead of modelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...onnx_graphs.graph import Array
from ..candidate import Candidate
from ..plan import Layer, Operand, Plan
from ..workbench import Workbench

#: Layers are corrected in at most so many runs over the samples, neighbours together.
MOST_RUNS = 5

#: Means need fewer samples than searches.
MOST_SAMPLES = 8


def bias(bench: Workbench, candidate: Candidate) -> Candidate:
    """Make the mean of each channel of each layer's sum that of the float network."""
    layers = [layer for layer in bench.plan.layers() if layer.bias is not None]
    if not layers:
        return candidate
    samples = bench.samples[:MOST_SAMPLES]
    wanted = _means(layers, bench.plan, bench.float_tensors(_sums(layers, bench.plan), samples))
    offsets: dict[Operand, Array] = dict(candidate.offsets)
    together = -(-len(layers) // MOST_RUNS)
    for start in range(0, len(layers), together or 1):
        wave = layers[start : start + together]
        bench.simulation.set(bench.assign(replace(candidate, offsets=offsets)))
        names = _sums(wave, bench.plan)
        found = _means(wave, bench.plan, bench.simulated_tensors(names, samples, sums=True))
        for operand, mean in found.items():
            offsets[operand] = offsets.get(operand, 0.0) + wanted[operand] - mean
    return replace(candidate, offsets=offsets)


def _sums(layers: Sequence[Layer], plan: Plan) -> list[str]:
    return [plan.sum_tensor(layer) for layer in layers]


def _means(
    layers: Sequence[Layer], plan: Plan, runs: Iterable[Mapping[str, Array]]
) -> dict[Operand, Array]:
    """The mean of each channel of each layer's sum over all runs, by the bias."""
    totals: dict[Operand, Array] = {}
    count = 0
    for tensors in runs:
        count += 1
        for layer in layers:
            if layer.bias is not None:
                mean = _channel_means(tensors[plan.sum_tensor(layer)], layer, plan)
                totals[layer.bias] = totals.get(layer.bias, 0.0) + mean
    return {operand: total / count for operand, total in totals.items()}


def _channel_means(values: Array, layer: Layer, plan: Plan) -> Array:
    convolution = plan.graph.nodes[layer.node].op_type in ("Conv", "ConvTranspose")
    rank = values.ndim
    axes = (0, *range(2, rank)) if convolution else tuple(range(rank - 1))
    return np.asarray(values.mean(axis=axes, dtype=np.float64))
