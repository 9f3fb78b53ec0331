"""Compensation: weights that answer for the noise that the layers before them hand on.

Layers are gone through in order, a few neighbours at a time. What each reads in the network as it
is quantized so far is measured beside what it reads in the float network; its weights are chosen
for that, rounded adaptively on the moments of what they really read, and the bias takes up the
means. It replaces what the step "rounding" did to these layers.

Must never change an exponent, nor look at samples that are held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ...onnx_graphs.graph import Array
from ...samples import Sample
from ..candidate import Candidate, Values
from ..compensated_weights import weights_for
from ..exponents import held_values
from ..input_errors import InputErrors, input_errors
from ..layer_statistics import patch_rows
from ..plan import Layer, Operand
from ..settled_exponents import Assignment
from ..weight_rounding import on_grid, replacing
from ..workbench import Workbench
from ..workers import map_ahead

#: Layers are measured in at most so many runs over the samples, neighbours together.
MOST_RUNS = 12

#: Samples that are run; more would tell little, for each has many patches.
MOST_SAMPLES = 32

#: Layers whose patches hold more values stay as they are: solving for them would take too long.
LARGEST_PATCH = 1152

#: What is measured with the first, third ... sample, and with those between.
Halves = tuple[InputErrors, InputErrors]


def compensation(bench: Workbench, candidate: Candidate) -> Candidate:
    """Choose the weights of each layer for what it reads in the quantized network."""
    layers = [layer for layer in bench.plan.layers() if _fits(layer, bench)]
    samples = bench.samples[:MOST_SAMPLES]
    if len(samples) < 2:
        return candidate
    together = -(-len(layers) // MOST_RUNS) or 1
    for start in range(0, len(layers), together):
        wave = layers[start : start + together]
        assignment = bench.assign(candidate)
        halves = measure_inputs(bench, wave, samples, assignment)
        values: dict[Operand, Array] = {}
        for found in map_ahead(partial(_layer_values, bench, assignment, halves), wave):
            values.update(found)
        candidate = _with_values(candidate, values)
    return candidate


def _fits(layer: Layer, bench: Workbench) -> bool:
    size = bench.statistics.patch_size(layer.node)
    return size is not None and size <= LARGEST_PATCH


def _with_values(candidate: Candidate, values: Values) -> Candidate:
    # Offsets were found for biases that are replaced now.
    offsets = {operand: v for operand, v in candidate.offsets.items() if operand not in values}
    return replace(candidate, values={**candidate.values, **values}, offsets=offsets)


def measure_inputs(
    bench: Workbench, layers: Sequence[Layer], samples: Sequence[Sample], assignment: Assignment
) -> dict[int, Halves]:
    """What layers read in the network quantized by `assignment`, in halves, by the layer's node."""
    plan = bench.plan
    read = {layer.node: plan.graph.nodes[layer.node].input[0] for layer in layers}
    names = list(dict.fromkeys(read.values()))
    bench.simulation.set(assignment)
    sums: dict[tuple[int, int], InputErrors] = {}
    pairs = zip(
        bench.float_tensors(names, samples), bench.simulated_tensors(names, samples), strict=True
    )
    for number, (floats, quantized) in enumerate(pairs):
        for node, name in read.items():
            held = _requantized(quantized[name], node, assignment, bench)
            patches = [bench.statistics.patches(node, v) for v in (floats[name], held)]
            half, found = (node, number % 2), input_errors(*patches)
            sums[half] = sums[half] + found if half in sums else found
    return {node: (sums[node, 0], sums[node, 1]) for node in read}


def _requantized(values: Array, node: int, assignment: Assignment, bench: Workbench) -> Array:
    """What the layer makes of an activation that reaches it at another exponent or width."""
    exponent = assignment.requantized.get((node, 0))
    if exponent is None:
        return values
    wide = held_values(values, exponent, bench.plan.bits(node), bench.chip.rounding)
    return wide.astype(values.dtype)


def _layer_values(
    bench: Workbench, assignment: Assignment, halves: dict[int, Halves], layer: Layer
) -> Values:
    """The weights of one layer, on their grid, and the bias that takes up the means."""
    plan, (first, second) = bench.plan, halves[layer.node]
    rows = patch_rows(layer, plan.graph, plan.graph.constant(layer.weight))
    exponents = assignment.weights[layer.node]
    centered, whole = layer.bias is not None, first + second
    wanted = weights_for(rows, first, second, centered=centered)
    moments = whole.moments(centered=centered)[0]
    held = on_grid(layer, wanted, moments, exponents, plan=plan, rounding=bench.chip.rounding)
    mean_input, mean_float = whole.mean_input, whole.mean_input - whole.mean_error
    lost = rows @ mean_float[:, :, np.newaxis] - held @ mean_input[:, :, np.newaxis]
    return replacing(layer, held, lost, plan)
