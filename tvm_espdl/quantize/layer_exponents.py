"""The weight exponents of one layer, as a function of the exponent of its input.

Must never choose the exponent of an activation.
"""

from __future__ import annotations

import copy

import numpy as np

from ..chips import Chip
from ..errors import ModelError
from ..onnx_graphs.graph import Array
from .calibration import TensorRange
from .exponents import LOWEST_EXPONENT, Floats, Integers, channel_exponents, smallest_exponents
from .plan import Layer, Plan

#: The QDQ form keeps biases in int32, also where the chip has wider ones.
LARGEST_BIAS_BITS = 32


class LayerExponents:
    """What bounds the weight exponents of one layer.

    `product` is the layer's output before any activation: the accumulator has to hold it. Raises
    ModelError if a weight or bias is not finite.
    """

    def __init__(
        self,
        layer: Layer,
        plan: Plan,
        chip: Chip,
        *,
        per_channel: bool,
        product: TensorRange | None,
    ) -> None:
        graph = plan.graph
        self.layer = layer
        self.bits = plan.bits(layer.node)
        self._rounding = chip.rounding
        self._split = per_channel and layer.channel_axis is not None
        weight = graph.constant(layer.weight)
        check_finite(weight, layer.weight)
        rows = (
            np.moveaxis(weight, layer.channel_axis or 0, 0) if self._split else weight[np.newaxis]
        )
        #: The weights' own exponents (C,) or (1,); at first those at which none saturates.
        self.own = channel_exponents(rows, self.bits, chip.rounding)
        bits = min(chip.quantized_bias_bits(f"int{self.bits}"), LARGEST_BIAS_BITS)
        self._sum = np.full(len(self.own), 4 * LOWEST_EXPONENT)
        if layer.bias is not None:
            node, place = layer.bias
            self._sum = self._bias_exponents(graph.nodes[node].input[place], plan, bits)
        if product is not None and (product.low or product.high):
            ends = np.array([product.low]), np.array([product.high])
            held = smallest_exponents(*ends, bits, chip.rounding)
            self._sum = np.maximum(self._sum, held)

    def _bias_exponents(self, name: str, plan: Plan, bits: int) -> Integers:
        bias = plan.graph.constant(name)
        check_finite(bias, name)
        needed = smallest_exponents(bias, bias, bits, self._rounding)
        needed = np.where(bias != 0, needed, self._sum[0])
        return needed if self._split else needed.max(keepdims=True)

    def shifted(self, shift: int) -> LayerExponents:
        """The same layer with weights at exponents that are larger by `shift`."""
        if not shift:
            return self
        other = copy.copy(self)
        other.own = self.own + shift
        return other

    def at(self, input_exponent: int) -> Integers:
        """The exponents (C,) or (1,) at which neither bias nor accumulator saturates."""
        return np.maximum(self.own, self._sum - input_exponent).astype(np.int64)


def check_finite(value: Array | Floats, name: str) -> None:
    """Refuse a constant with NaN or infinity: ModelError, naming it."""
    if not np.isfinite(value).all():
        raise ModelError(
            "a constant of the network is not finite",
            where=f"tensor {name!r}",
            found="NaN or infinity",
            allowed="finite numbers",
            try_="export the trained network again; replace infinite masks by large finite numbers",
        )
