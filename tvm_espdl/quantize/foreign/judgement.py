"""Judges one quantizer: what of it a chip cannot express, and whether other scales would cure it.

Must never look at a graph: it is given a tensor's name and how it is quantized.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ...onnx_graphs.graph import Array
from ...onnx_graphs.qlinear.quantizer import Quantizer
from ...onnx_graphs.unsigned import is_signed

_OURS = ("int8", "int16")
_CURABLE = ("uint8", "uint16")


@dataclass(frozen=True)
class Finding:
    """One thing that is not in the chip's terms."""

    tensor: str  #: What is quantized so.
    scale: str  #: The first offending one, as text.
    zero_point: str  #: The same.
    dtype: str  #: The type of its integers.
    reason: str  #: What is wrong with it.
    is_curable: bool  #: Whether another scale, zero point or type would do instead.

    @classmethod
    def of(
        cls, tensor: str, quantizer: Quantizer, reason: str, *, is_curable: bool, channel: int = 0
    ) -> Finding:
        """Make a finding of a quantizer, showing its scale and zero point at `channel`."""
        scale = "computed" if quantizer.scale is None else _shown(quantizer.scale, channel)
        zero = _shown(quantizer.zero_point, channel)
        return cls(tensor, scale, zero, quantizer.dtype, reason, is_curable)

    def __str__(self) -> str:
        return (
            f"tensor {self.tensor!r} has {self.dtype} with scale {self.scale} and zero point "
            f"{self.zero_point}: {self.reason}"
        )


def judge_activation(tensor: str, quantizer: Quantizer) -> Iterator[Finding]:
    """What is wrong with the quantizer of an activation; nothing if the chip has it."""
    if quantizer.axis is not None and not quantizer.block:
        reason = "an activation has one scale per channel"
        yield Finding.of(tensor, quantizer, reason, is_curable=False)
        return
    yield from judge_weight(tensor, quantizer)


def judge_weight(
    tensor: str, quantizer: Quantizer, *, per_channel: bool = True
) -> Iterator[Finding]:
    """What is wrong with the quantizer of a constant; nothing if the chip has it.

    `per_channel` says whether the chip has one scale for each channel.
    """
    incurable = _incurable(quantizer)
    if incurable:
        yield Finding.of(tensor, quantizer, incurable, is_curable=False)
        return
    signed = is_signed(quantizer.dtype, quantizer.zero_point)
    channel = None if signed else _first(quantizer.zero_point != 0)
    if quantizer.dtype in _CURABLE and not signed:
        reason = f"the type {quantizer.dtype} is unsigned"
        yield Finding.of(tensor, quantizer, reason, is_curable=True)
    elif channel is not None:
        reason = "a zero point is not zero"
        yield Finding.of(tensor, quantizer, reason, is_curable=True, channel=channel)
    assert quantizer.scale is not None
    if not per_channel and np.unique(quantizer.scale).size > 1:
        reason = "weights have one scale per channel, the chip has one per tensor"
        yield Finding.of(tensor, quantizer, reason, is_curable=True)
        return
    channel = _first(~is_power_of_two(quantizer.scale))
    if channel is not None and (signed or quantizer.dtype in _OURS):
        reason = "a quantization scale is no power of two"
        yield Finding.of(tensor, quantizer, reason, is_curable=True, channel=channel)


def judge_bias(tensor: str, quantizer: Quantizer, products: Iterable[Array]) -> Iterator[Finding]:
    """What is wrong with the quantizer of an int32 constant.

    `products` are the scales, float64, of the products that it is added to. At a larger power of
    two it is still exact.
    """
    incurable = _incurable(quantizer, (*_OURS, *_CURABLE, "int32"))
    if incurable:
        yield Finding.of(tensor, quantizer, incurable, is_curable=False)
        return
    assert quantizer.scale is not None
    channel = _first(~is_power_of_two(quantizer.scale))
    reason = "a quantization scale is no power of two"
    if channel is None:
        channel, reason = _first(quantizer.zero_point != 0), "a zero point is not zero"
    if channel is None:
        reason = "a bias has a finer scale than the product it is added to"
        for product in products:
            scale = quantizer.scale.ravel()
            if scale.size in (1, product.size) or product.size == 1:
                channel = _first(scale < product) if channel is None else channel
    if channel is not None:
        yield Finding.of(tensor, quantizer, reason, is_curable=True, channel=channel)


def is_power_of_two(scale: Array) -> Array:
    """Elementwise, whether a positive number is 2**e for an integer e."""
    mantissa, _ = np.frexp(scale)
    return np.asarray(mantissa == 0.5)


def _incurable(quantizer: Quantizer, types: tuple[str, ...] = (*_OURS, *_CURABLE)) -> str:
    """Why no choice of scales would help; empty if one would."""
    scale, zero = quantizer.scale, quantizer.zero_point
    if scale is None:
        return "its scale or zero point is computed at run time"
    faults = (
        (bool(quantizer.block), f"it is quantized in blocks of {quantizer.block}"),
        (quantizer.dtype not in types, f"the type {quantizer.dtype} cannot be expressed"),
        (
            scale.size == 0 or zero.size not in (1, scale.size),
            "its scale and its zero point do not fit each other",
        ),
        (quantizer.scale_dtype != "float", f"its scale is {quantizer.scale_dtype}, not float32"),
        (not (np.isfinite(scale) & (scale > 0)).all(), "a scale is not positive and finite"),
    )
    return next((reason for is_wrong, reason in faults if is_wrong), "")


def _first(wrong: Array) -> int | None:
    """The index of the first channel that is wrong."""
    found = np.flatnonzero(wrong)
    return int(found[0]) if found.size else None


def _shown(values: Array, channel: int) -> str:
    return f"{values.flat[min(channel, values.size - 1)]:.9g}" if values.size else "none"
