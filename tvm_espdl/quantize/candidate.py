"""One way to quantize a network, as the search tries it: what differs from the first choice.

Must never hold a measurement, nor what can be derived from the network and the choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..onnx_graphs.graph import Array
from .channel_scaling import Scaling
from .plan import Operand
from .sharing import Member

#: Values that replace constants, by node and position.
Values = Mapping[Operand, Array]


@dataclass(frozen=True)
class Candidate:
    """One way to quantize a network."""

    #: What is added to the chosen exponents; see `Choice.shifts`.
    shifts: Mapping[Member | int, int] = field(default_factory=dict)
    rounded: bool = False  #: Whether weights are rounded adaptively.
    offsets: Values = field(default_factory=dict)  #: What is added to biases.
    #: What divides the channels of activations, by channel set; see `channel_sets`.
    scaling: Scaling = field(default_factory=dict)
    #: Weights and biases of the network, scaled so, that replace its own.
    values: Values = field(default_factory=dict)
