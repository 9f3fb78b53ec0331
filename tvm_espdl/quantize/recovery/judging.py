"""Judges candidates by samples held out: by simulation, or with the chip's bits where that errs.

Must never judge two candidates of one network in different ways.
"""

from __future__ import annotations

from ..candidate import Candidate
from ..exact import build_exact
from ..masks import log_probabilities
from ..simulation import noise_power
from ..workbench import Workbench


def judge(bench: Workbench, candidate: Candidate) -> tuple[float, float]:
    """Noise over signal of what the search looks at, and of the network's own outputs.

    Gates and cells of recurrent layers are integers that the simulation does not have; networks
    with such layers are compiled and run with the chip's bits, which takes seconds. The channels of
    the network that is given may be scaled as in `candidate` or not.
    """
    own = bench.of(candidate)
    if not any(rule.kind == "recurrent" for rule in own.plan.rules.values()):
        return own.judge(candidate)
    noise = _exact_noise(own, candidate)
    return noise, noise


def _exact_noise(bench: Workbench, candidate: Candidate) -> float:
    (network,) = build_exact([bench.write(candidate)])
    samples = bench.held_out or bench.samples
    graph = bench.plan.graph
    # Indices and truth values have no noise: those of a network without other outputs count so.
    names = [name for name in graph.outputs if graph.is_float(name)] or list(graph.outputs)
    references = list(bench.float_tensors(names, samples))
    found = [network.outputs(sample) for sample in samples]
    return noise_power(references, found, log_probabilities(graph))
