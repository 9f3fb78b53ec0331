"""What a file of exponents says of a network; nodes go by the first of their results.

Must never know a network: whether a file fits one is seen where it is applied.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...onnx_graphs.graph import Array

#: An input of a node: the first result of the node, and the place among its inputs.
Place = tuple[str, int]

#: What the file begins with.
FORMAT, VERSION = "tvm-espdl exponents", 1


@dataclass(frozen=True)
class Held:
    """How integers of one tensor are held: real = integer * 2^exponent."""

    bits: int  #: 8 or 16.
    exponent: int


@dataclass(frozen=True, eq=False)
class Chosen:
    """Integers of a constant that were chosen: not those nearest to the float ones."""

    check: str  #: CRC-32, in hex, of the floats and exponents that they were chosen for.
    offsets: Array  #: What is added to the nearest integers, flat: (values,) of int8, 16 or 32.


@dataclass(frozen=True, eq=False)
class SavedExponents:
    """A quantization, but for the float network that it is of."""

    chip: str
    opset: int  #: The ONNX operator set of the quantized network.
    per_channel: bool  #: Whether weights have one exponent per output channel.
    int16: tuple[str, ...]  #: Nodes that compute in int16.
    floats: tuple[str, ...]  #: Nodes that stay float although the chip could compute them.
    tensors: dict[str, Held]  #: All quantized activations, by name.
    operands: dict[Place, Held]  #: Constants, and activations that are requantized to be read.
    weights: dict[str, tuple[int, ...]]  #: Of each layer's weights: one, or one per channel.
    #: What divides the channels of activations, by the set's first tensor.
    channels: dict[str, tuple[float, ...]] = field(default_factory=dict)
    integers: dict[Place, Chosen] = field(default_factory=dict)
