"""Bias correction: what quantization adds to the mean of each channel is taken off its bias.

Must never touch a weight. Layers are corrected in order, each behind those corrected already.
Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
2019, with the means measured instead of modelled.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...onnx_graphs.graph import Array
from ...samples import Sample
from ..candidate import Candidate
from ..multiply_accumulates import simulation_seconds
from ..plan import Layer, Operand, Plan
from ..workbench import Workbench

#: Means need fewer samples than searches; those of large networks are taken from half as many.
MOST_SAMPLES = 8

#: Seconds of an ordinary PC that the runs over the samples may take, and runs that are always made.
SECONDS, LEAST_RUNS = 6.0, 5


def bias(bench: Workbench, candidate: Candidate) -> Candidate:
    """Make the mean of each channel of each layer's sum that of the float network."""
    layers = [layer for layer in bench.plan.layers() if layer.bias is not None]
    if not layers:
        return candidate
    samples, waves = _effort(layers, bench)
    wanted = _means(layers, bench.plan, bench.float_tensors(_sums(layers, bench.plan), samples))
    offsets: dict[Operand, Array] = dict(candidate.offsets)
    for wave in waves:
        bench.simulation.set(bench.assign(replace(candidate, offsets=offsets)))
        names = _sums(wave, bench.plan)
        found = _means(wave, bench.plan, bench.simulated_tensors(names, samples, sums=True))
        for operand, mean in found.items():
            offsets[operand] = offsets.get(operand, 0.0) + wanted[operand] - mean
    return replace(candidate, offsets=offsets)


def _effort(
    layers: Sequence[Layer], bench: Workbench
) -> tuple[Sequence[Sample], list[list[Layer]]]:
    """The samples to take, and the layers that are corrected together.

    Layers behind each other that are corrected together take off the same error several times;
    those beside each other do not.
    """
    levels = list(_levels(layers, bench.plan).values())
    # A run ends at the layers that are asked for: half of the network on the average.
    run = simulation_seconds(bench.plan) / 2
    samples = bench.samples[:MOST_SAMPLES]
    if len(levels) * len(samples) * run > SECONDS:
        samples = samples[: MOST_SAMPLES // 2]
    runs = max(int(SECONDS / (len(samples) * run)) if run and samples else 0, LEAST_RUNS)
    together = -(-len(levels) // runs)
    starts = range(0, len(levels), together)
    parts = (levels[start : start + together] for start in starts)
    return samples, [list(itertools.chain(*part)) for part in parts]


def _levels(layers: Sequence[Layer], plan: Plan) -> dict[int, list[Layer]]:
    """The layers by how many are behind each other up to them."""
    by_node = {layer.node: layer for layer in layers}
    depth: dict[str, int] = {}
    levels: dict[int, list[Layer]] = {}
    for index, node in enumerate(plan.graph.nodes):
        reached = max((depth.get(name, 0) for name in node.input), default=0)
        if index in by_node:
            levels.setdefault(reached, []).append(by_node[index])
            reached += 1
        depth.update(dict.fromkeys(node.output, reached))
    return dict(sorted(levels.items()))


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
