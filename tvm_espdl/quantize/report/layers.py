"""The noise of each layer: what it adds on its own, and what all layers up to it add up to.

Must never take a simulation for the chip: the quantized tensors are computed with its bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto

from ...chips import Chip
from ..assignment import Assignment
from ..calibration import with_outputs
from ..exact import ExactNetwork
from ..exponents import quantize
from ..graph import Array
from ..plan import Plan
from ..samples import Sample
from ..session import open_session, run_session
from .deviation import Deviation
from .single_layers import SingleLayers

#: Inner tensors are looked at on so many samples; outputs on all.
MOST_SAMPLES = 16


@dataclass(frozen=True)
class LayerNoise:
    """The noise of one tensor.

    Attributes
    ----------
    cumulative : Deviation
        The chip's tensor against the float network's.
    own : Deviation
        The chip's kernel against the float operator, both fed with the float network's tensors as
        the chip's integers hold them. So the rounding and saturation of a tensor count where it
        is made, and the rounding of weights, biases and requantized inputs where they are used.
        For an input of the network, its rounding.
    """

    cumulative: Deviation = field(default_factory=Deviation)
    own: Deviation = field(default_factory=Deviation)


class LayerMeasurement:
    """The noise of every quantized activation, in two steps: name the networks, then run them.

    Parameters
    ----------
    model : ModelProto
        The float network that `plan` was made from.
    plan, assignment : Plan, Assignment
        What is quantized, and the exponents.
    chip : Chip
        The chip that was quantized for.
    samples : sequence of dict
        Inputs; the first `MOST_SAMPLES` are used.
    """

    def __init__(
        self,
        model: ModelProto,
        plan: Plan,
        assignment: Assignment,
        chip: Chip,
        samples: Sequence[Sample],
    ) -> None:
        self._plan, self._assignment, self._chip = plan, assignment, chip
        self._samples = samples[:MOST_SAMPLES]
        self._names = plan.tensors()
        made = [name for name in self._names if name not in plan.graph.inputs]
        session = open_session(with_outputs(model, made), "the float network")
        self._floats = [
            {**sample, **dict(zip(made, run_session(session, made, sample, "sample"), strict=True))}
            for sample in self._samples
        ]
        shapes = {name: self._floats[0][name].shape for name in self._names}
        self._layers = SingleLayers(model, plan, assignment, chip, shapes)
        self._made = made

    def models(self) -> list[ModelProto]:
        """The networks that `run` needs, in its order."""
        return [self._layers.observed(), self._layers.quantized()]

    def run(
        self, whole: ExactNetwork, observed: ExactNetwork, single: ExactNetwork
    ) -> dict[str, LayerNoise]:
        """The noise of each tensor, in the order of the graph.

        Parameters
        ----------
        whole : ExactNetwork
            The network as it is deployed.
        observed, single : ExactNetwork
            Those of `models`.

        Returns
        -------
        dict of str to LayerNoise
            Empty if the network has other bits once its tensors are outputs: the compiler then
            treats it differently, and what is seen is not what is deployed.
        """
        session = open_session(self._layers.floating(), "single layers")
        noise = {name: LayerNoise() for name in self._names}
        for sample, floats in zip(self._samples, self._floats, strict=True):
            held = {self._layers.held[name]: self._held(name, floats[name]) for name in noise}
            feed = {**sample, **held}
            results = run_session(session, self._made, feed, "single layers")
            alone = {**sample, **dict(zip(self._made, results, strict=True))}
            seen = observed.outputs(sample)
            if any(not np.array_equal(v, seen[n]) for n, v in whole.outputs(sample).items()):
                return {}
            kernels = single.outputs(feed)
            noise = {
                name: LayerNoise(
                    found.cumulative + self._between(floats, seen, name),
                    found.own + self._between(alone, kernels, name),
                )
                for name, found in noise.items()
            }
        return noise

    def _between(
        self, references: Mapping[str, Array], found: Mapping[str, Array], name: str
    ) -> Deviation:
        return Deviation.between(references[name], found[self._layers.dequantized[name]])

    def _held(self, name: str, values: Array) -> Array:
        """A float tensor as the chip's integers hold it."""
        exponent, bits = self._assignment.tensors[name], self._plan.tensor_bits(name)
        integers = quantize(values, exponent, bits, self._chip.rounding)
        return np.ldexp(integers.astype(np.float32), exponent)
