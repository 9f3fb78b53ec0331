"""Cross-layer equalization: channels are scaled so that small ones use more of the integers.

A channel that is made divided by a factor and read multiplied by it computes the same. Factors
weigh the range of the channel's activations against that of the weights that read it. One more
factor for all channels makes the activations fill the integers: a scale is a power of two, so that
a tensor uses between half and all of its integers, as chance has it. Full ranges cost nothing, and
have up to 6 dB less noise in each tensor. Source: Nagel et al., "Data-Free Quantization Through
Weight Equalization and Bias Correction", 2019, with measured activations in the place of the
weights that make them.

Must never scale through a Clip: its limits would have to differ from channel to channel. Must
never fill to the brim: samples that were not seen reach further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...onnx_graphs.graph import Array, Graph, attribute
from ..candidate import Candidate
from ..channel_scaling import Scaling
from ..channel_sets import ChannelSet
from ..exponents import integer_limits
from ..workbench import Workbench

#: How much the activations' ranges count against those of the weights that read them; None: the
#: channels stay as they are to each other.
BALANCES = (None, 0.5, 0.75, 1.0)

#: No channel's factor is smaller than the largest of its set divided by this.
LARGEST_RATIO = 8.0

#: How much larger than in calibration values may become before they saturate. Where samples differ
#: in loudness, ranges that were filled to the last integer cost more than they gain.
HEADROOM = 1.2

#: Factors have to lower the noise by this share.
LEAST_GAIN = 0.02


def equalization(bench: Workbench, candidate: Candidate) -> Candidate:
    """Scale the channels of every set that can be, by the factors that the outputs gain most by."""
    sets = bench.channel_sets
    if not sets or bench.choice.exponents:  # exponents that are given fit the network as it is
        return candidate
    reach = _activation_ranges(bench, sets)
    whole = ({e.name: filled(bench, e, reach, b) for e in sets} for b in BALANCES)
    return replace(candidate, scaling=_best_of(bench, candidate, whole))


def _best_of(bench: Workbench, candidate: Candidate, scalings: Iterable[Scaling]) -> Scaling:
    """The scaling with the least noise on all samples; none if none gains."""
    best: Scaling = {}
    # Weights that are rounded to the nearest rank scalings as well, and cost no search.
    plain = replace(candidate, rounded=False)
    least = bench.noise(plain)
    for scaling in scalings:
        trial = replace(plain, scaling=scaling)
        noise = bench.of(trial).noise(trial)
        if noise < least * (1 - LEAST_GAIN):
            best, least = scaling, noise
    return best


def _activation_ranges(bench: Workbench, sets: list[ChannelSet]) -> Mapping[str, Array]:
    """The largest magnitude of each channel over the samples, by the name of the tensor."""
    inner = bench.plan.inner
    watched = {name: entry for entry in sets for name in entry.tensors if name not in inner}
    reach = {name: np.zeros(entry.channels) for name, entry in watched.items()}
    for values in bench.float_tensors(list(watched), bench.samples):
        for name, entry in watched.items():
            largest = np.abs(values[name]).reshape(-1, *values[name].shape[1:])
            rows = np.moveaxis(largest, 1, 0).reshape(entry.channels, -1)
            reach[name] = np.maximum(reach[name], rows.max(axis=1))
    return reach


def filled(
    bench: Workbench, entry: ChannelSet, reach: Mapping[str, Array], balance: float | None
) -> Array:
    """Factors (C,) of one set that balance its channels and let its tensors fill the integers.

    `reach` is the largest magnitude of each channel, (C,), by tensor; tensors inside a kernel are
    left out. `balance` is as `balanced` has it; None: all channels have the same factor.
    """
    known = {name: reach[name] for name in entry.tensors if name in reach}
    if not known:
        return np.ones(entry.channels)
    factors = np.ones(entry.channels)
    if balance is not None:
        factors = balanced(bench, entry, np.max([*known.values()], axis=0), balance)
    return factors * filling_factor(
        [float((tensor / factors).max()) for tensor in known.values()],
        [bench.plan.tensor_bits(name) for name in known],
    )


def balanced(bench: Workbench, entry: ChannelSet, reach: Array, balance: float) -> Array:
    """Factors, float64 (C,), of one set whose activations reach (C,) so far.

    `balance` is 0 where all weights that read the set become alike in range, 1 where all its
    activations do. The largest activation keeps its range; channels without signal or readers keep
    theirs.
    """
    graph = bench.plan.graph
    weights = np.zeros(entry.channels)
    for node in entry.readers:
        rows = read_ranges(node, entry, graph)
        weights = np.maximum(weights, rows / max(float(rows.max()), np.finfo(np.float32).tiny))
    used = (reach > 0) & (weights > 0)
    factors = np.ones(entry.channels)
    if not used.any():
        return factors
    raw = reach[used] ** balance / weights[used] ** (1 - balance)
    raw = np.maximum(raw, raw.max() / LARGEST_RATIO)
    factors[used] = raw * ((reach[used] / raw).max() / reach[used].max())
    return factors


def read_ranges(node: int, entry: ChannelSet, graph: Graph) -> Array:
    """The largest magnitude of the weights by which layer `node` reads each channel: (C,)."""
    layer = graph.nodes[node]
    weight = np.abs(graph.constant(layer.input[1]).astype(np.float64))
    if layer.op_type == "ConvTranspose":
        inputs = weight.reshape(weight.shape[0], -1).max(axis=1)
    else:
        group = attribute(layer, "group", 1)
        split = weight.reshape(group, weight.shape[0] // group, weight.shape[1], -1)
        inputs = split.max(axis=(1, 3)).reshape(-1)
    found: Array = inputs.reshape(entry.channels, -1).max(axis=1)
    return found


def filling_factor(peaks: Sequence[float], bits: Sequence[int]) -> float:
    """The factor from 1 to below 2 that divides activations so that rounding costs least.

    From the largest magnitude of each tensor of the set and the width of its integers; zeros do not
    count. It is that at which the sum of step² over peak², over the tensors, is least: one tensor
    is filled; of several with different ranges the factor fills one and suits the others.
    """
    found = [(p, integer_limits(b)[1]) for p, b in zip(peaks, bits, strict=True) if p > 0]
    if not found:
        return 1.0
    used, largest = np.array(found, dtype=np.float64).T
    steps = HEADROOM * used / largest
    # At each candidate one tensor is full; in between all steps only grow. 1 + 1 of 2 is 1 again.
    candidates = np.sort(np.append(steps / np.exp2(np.floor(np.log2(steps))), 1.0))
    exponents = np.ceil(np.log2(steps / candidates[:, np.newaxis]) - 1e-9)
    costs = ((candidates[:, np.newaxis] * np.exp2(exponents) / used) ** 2).sum(axis=1)
    return float(candidates[np.argmin(costs)])
