"""The noise of each layer: what it adds on its own, and what all layers up to it add up to.

Must never take a simulation for the chip: the quantized tensors are computed with its bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from onnx import ModelProto

from ...chips import Chip
from ...onnx_graphs.graph import Array
from ...samples import Sample
from ..calibration import watching
from ..exact import ExactNetwork
from ..exponents import quantize
from ..plan import Plan
from ..settled_exponents import Assignment
from .deviation import Deviation
from .inner_tensors import InnerTensors, Integers, Move, values_of
from .single_layers import SingleLayers

if TYPE_CHECKING:
    from ...program import Program

#: Inner tensors are looked at on so many samples; outputs on all.
MOST_SAMPLES = 16


@dataclass(frozen=True)
class LayerNoise:
    """The noise of one tensor.

    `own` is that of the chip's kernel against the float operator, both fed with the float network's
    tensors as the chip's integers hold them. So the rounding and saturation of a tensor count where
    it is made, and the rounding of weights, biases and requantized inputs where they are used. For
    an input of the network, it is its rounding.
    """

    #: The chip's tensor against the float network's.
    cumulative: Deviation = field(default_factory=Deviation)
    own: Deviation = field(default_factory=Deviation)


class LayerMeasurement:
    """The noise of every quantized activation, in two steps: name the networks, then run them.

    `model` is the float network that `plan` was made from; the first `MOST_SAMPLES` samples are
    used.
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
        self._made = made = [name for name in self._names if name not in plan.graph.inputs]
        read = watching(model, made)
        self._floats = [{**sample, **read(sample)} for sample in self._samples]
        shapes = {name: self._floats[0][name].shape for name in self._names}
        self._layers = SingleLayers(model, plan, assignment, chip, shapes)
        self._integers = {
            name: Integers(shape, assignment.tensors[name], plan.tensor_bits(name))
            for name, shape in shapes.items()
        }
        self._moves = dict(self._moved())

    def _moved(self) -> Iterator[tuple[str, Move]]:
        for node in self._plan.graph.nodes:
            source = self._integers.get(next(iter(node.input), ""))
            move = None if source is None else Move.of(node, len(source.shape))
            if move is not None:
                yield node.output[0], move

    def models(self, program: Program) -> list[ModelProto]:
        """The networks that `run` needs beside that of `program`, in its order.

        None, if that shows every tensor: where the compiler has moved or fused one away, the
        network has to be compiled with its tensors as outputs.
        """
        if values_of(program, self._integers, self._moves) is not None:
            return []
        return [self._layers.observed(), self._layers.quantized()]

    def run(
        self,
        whole: ExactNetwork,
        others: Sequence[ExactNetwork],
        each: Callable[[], None] = lambda: None,
    ) -> dict[str, LayerNoise]:
        """The noise of each tensor, in the order of the graph.

        From the network as it is deployed, and those of `models`. Empty if the network has other
        bits once its tensors are outputs: the compiler then treats it differently, and what is seen
        is not what is deployed. `each` is called with every sample.
        """
        view: InnerTensors | _Recompiled = InnerTensors(whole, self._integers, self._moves)
        if others:
            observed, single = others
            view = _Recompiled(whole, observed, single, self._layers)
        read = watching(self._layers.floating(), self._made, "single layers")
        noise = {name: LayerNoise() for name in self._names}
        for sample, floats in zip(self._samples, self._floats, strict=True):
            each()
            seen = view.seen(sample)
            if not seen:
                return {}
            held = {name: self._held(name, floats[name]) for name in noise}
            feed = {**sample, **self._fed(held)}
            alone = {**sample, **read(feed)}
            kernels = view.alone(feed if others else sample, held)
            noise = {
                name: LayerNoise(
                    found.cumulative + Deviation.between(floats[name], seen[name]),
                    found.own + Deviation.between(alone[name], kernels[name]),
                )
                for name, found in noise.items()
            }
        return noise

    def _held(self, name: str, values: Array) -> Array:
        """A float tensor as the chip's integers."""
        exponent, bits = self._assignment.tensors[name], self._plan.tensor_bits(name)
        return quantize(values, exponent, bits, self._chip.rounding).astype(f"int{bits}")

    def _fed(self, held: Mapping[str, Array]) -> dict[str, Array]:
        """Integers as the numbers that the networks of `SingleLayers` read, by their inputs."""
        types = self._integers
        return {self._layers.held[name]: types[name].real(array) for name, array in held.items()}


@dataclass(frozen=True, eq=False)
class _Recompiled:
    """As `InnerTensors`, with the networks of `SingleLayers`; `alone` takes held ones as inputs."""

    whole: ExactNetwork
    observed: ExactNetwork
    single: ExactNetwork
    layers: SingleLayers

    def seen(self, sample: Sample) -> dict[str, Array]:
        seen = self.observed.outputs(sample)
        if any(not np.array_equal(v, seen[n]) for n, v in self.whole.outputs(sample).items()):
            return {}
        return self._by_name(seen)

    def alone(self, sample: Sample, held: Mapping[str, Array]) -> dict[str, Array]:
        return self._by_name(self.single.outputs(sample))

    def _by_name(self, found: Mapping[str, Array]) -> dict[str, Array]:
        return {name: found[end] for name, end in self.layers.dequantized.items()}
