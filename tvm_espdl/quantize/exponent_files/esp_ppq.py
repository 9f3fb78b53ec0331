"""The .json that ESP-PPQ writes beside its .espdl: scales of tensors, operator by operator.

A tensor stands with each operator that makes or reads it, by the name of the ONNX file; what makes
it comes last and says its scale, or which other entry does (`dominator`). Source: ESP-PPQ 1.3.12,
`parser/native` and `core/quant.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...files.checked_json import Node
from ..exponents import HIGHEST_EXPONENT, LOWEST_EXPONENT
from .record import Held

#: States of a tensor that was not quantized.
_FLOAT_STATES = ("FP32", "DEACTIVATED", "SOI")

_EXPORT = "quantize for ESP-DL, whose scales are powers of two, and export the .json again"


@dataclass(frozen=True)
class EspPpqExponents:
    """What ESP-PPQ chose."""

    file: str
    tensors: dict[str, Held]  #: Activations and constants with one exponent.
    channels: dict[str, tuple[int, ...]]  #: Weights with one exponent per output channel.
    floats: tuple[str, ...]  #: Tensors that stay float.


def esp_ppq_exponents(root: Node) -> EspPpqExponents:
    """What the file says of each tensor; biases, whose exponents follow, are left out.

    Raises DataError where it is not what ESP-PPQ writes, or a scale is no power of two.
    """
    entries = root.entries()
    values = entries["values"].entries()
    made: dict[str, tuple[Node, int | str]] = {}
    for operator in entries["configs"].entries().values():
        tensors = operator.entries()
        for number, (name, config) in enumerate(tensors.items(), 1):
            if number == len(tensors) or name not in made:
                made[name] = config, _width(config)
    held: dict[str, Held] = {}
    channels: dict[str, tuple[int, ...]] = {}
    for name, (config, width) in made.items():
        if width not in (8, 16):
            continue
        exponents = _exponents(config, values)
        if not exponents:
            continue
        if len(exponents) == 1:
            held[name] = Held(int(width), exponents[0])
        else:
            channels[name] = exponents
    floats = tuple(name for name, (_, width) in made.items() if width == "float")
    return EspPpqExponents(root.source.file, held, channels, floats)


def _width(config: Node) -> int | str:
    fields = config.entries()
    for name in ("bit_width", "state", "hash", "dominator"):
        if name not in fields:
            config.refuse("an entry is missing", "what ESP-PPQ writes", f"no {name!r}", _EXPORT)
    bits = fields["bit_width"].integer(1, 64)
    return "float" if fields["state"].text() in _FLOAT_STATES else bits


def _exponents(config: Node, values: dict[str, Node]) -> tuple[int, ...]:
    fields = config.entries()
    keys = [str(fields[name].integer(0, 1 << 64)) for name in ("dominator", "hash")]
    value = next((values[key] for key in keys if key in values), None)
    if value is None:
        return ()  # ESP-PPQ loses that of an input whose Transpose it took away
    scales = value.entries()
    if "scale" not in scales:
        value.refuse("its scale is missing", "scale, zero_point", try_=_EXPORT)
    for offset in _one_or_several(scales.get("zero_point", Node(0.0, "", value.source))):
        if offset.number() != 0:
            offset.refuse("a zero point that is not 0", "0", try_=_EXPORT)
    found = tuple(_exponent(one) for one in _one_or_several(scales["scale"]))
    if not found:
        scales["scale"].refuse("no scale", "one number, or one per channel", try_=_EXPORT)
    return found


def _one_or_several(node: Node) -> list[Node]:
    return [*node.items()] if isinstance(node.value, list) else [node]


def _exponent(node: Node) -> int:
    scale = node.number()
    mantissa, exponent = math.frexp(scale)
    if scale <= 0 or mantissa != 0.5:
        node.refuse("not a scale of ESP-DL", "powers of two", try_=_EXPORT)
    if not LOWEST_EXPONENT <= exponent - 1 <= HIGHEST_EXPONENT:
        limits = f"2^{LOWEST_EXPONENT} to 2^{HIGHEST_EXPONENT}"
        node.refuse("a scale that the chip's code does not have", limits, try_=_EXPORT)
    return exponent - 1
