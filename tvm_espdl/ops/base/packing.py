"""Filters and biases as ESP-DL's kernels want them in memory, and the C call that names them.

Sources: ESP-PPQ `parser/espdl/export_patterns.py` (filters), ESP-DL
`TensorBase::reset_bias_layout` (the S3's bias). Bytes only; it decides nothing.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ...chips import Chip
from .accumulate import kept_bias, must_follow_order
from .ccall import CCall, FieldValue, Needs
from .operator import Tensor
from .rounding import Array

RUN_BYTES = 20
RUN_STRIDE = 32


class _Sums(Protocol):
    @property
    def activation(self) -> str: ...
    def needs(self, chip: Chip) -> Needs: ...
    @property
    def x(self) -> Tensor: ...
    def kept_shifts(self, chip: Chip) -> tuple[int, ...]: ...


def pack_filter(chip: Chip, filter_: Array, *, depthwise: bool) -> Array:
    """A filter in the chip's own order, flat.

    Parameters
    ----------
    filter_ : numpy.ndarray
        OIHW; I is 1 for depthwise.

    Returns
    -------
    numpy.ndarray
        Same dtype, 1-D. Plain C: N H W C, or H W N for depthwise. With vectors of A values:
        blocks (N/A) H W C A, then the remaining channels as N H W C (depthwise: H W N).
    """
    lanes = chip.lanes(str(filter_.dtype))
    full = len(filter_) // lanes * lanes if lanes else 0
    blocks, rest = filter_[:full], filter_[full:]
    parts = []
    if full:
        grouped = blocks.reshape(full // lanes, lanes, *filter_.shape[1:])
        parts.append(grouped.transpose(0, 3, 4, 2, 1).ravel())
    parts.append((rest.transpose(2, 3, 1, 0) if depthwise else rest.transpose(0, 2, 3, 1)).ravel())
    return np.concatenate(parts)


def pack_bias(chip: Chip, bias: Array, dtype: str, *, depthwise: bool) -> Array:
    """A bias in the chip's own form.

    On the S3 the channels in full vectors (all of them for depthwise) are fields of 20 bits
    (40 for int16 data), eight (four) to a run of 20 bytes that starts every 32 bytes; the
    remaining channels follow as 64-bit integers. Elsewhere: the integers, in as many bits as the
    kernel keeps of them.

    Returns
    -------
    numpy.ndarray
        uint8 on the S3, else the dtype of `bias`; 1-D.
    """
    kept = kept_bias(chip, bias, dtype, lanes_only=depthwise)
    if not chip.packs_bias:
        return kept.astype(bias.dtype)
    lanes = chip.lanes(dtype)
    full = len(bias) if depthwise else len(bias) // lanes * lanes
    bits = chip.bias_bits(dtype, in_lanes=True)
    per_run = RUN_BYTES * 8 // bits
    runs = -(-full // per_run)
    packed = bytearray(runs * RUN_STRIDE)
    for run in range(runs):
        word = 0
        for field, value in enumerate(bias[run * per_run : min((run + 1) * per_run, full)]):
            word |= (int(value) & ((1 << bits) - 1)) << (field * bits)
        packed[run * RUN_STRIDE : run * RUN_STRIDE + RUN_BYTES] = word.to_bytes(RUN_BYTES, "little")
    packed += kept[full:].astype("<i8").tobytes()
    return np.frombuffer(bytes(packed), np.uint8)


def convolution_call(
    chip: Chip,
    kernel: str,
    operator: _Sums,
    filter_: Array,
    bias: Array | None,
    *,
    fields: dict[str, FieldValue],
    depthwise: bool,
) -> CCall:
    """The call of `espdl_<kernel>_s8` or `_s16` with `filter_` (OIHW) and `bias` packed.

    Parameters
    ----------
    fields : dict
        The window's members of the descriptor.
    """
    dtype = operator.x.dtype
    weights = filter_.transpose(0, 2, 3, 1).reshape(len(filter_), -1)
    ordered = must_follow_order(chip, weights, bias, dtype, lanes_only=depthwise)
    lanes = chip.lanes(dtype)
    arrays = {"filter": pack_filter(chip, filter_, depthwise=depthwise)}
    if bias is not None:
        arrays["bias"] = pack_bias(chip, bias, dtype, depthwise=depthwise)
    shifts = operator.kept_shifts(chip)
    if len(shifts) > 1:
        arrays["channel_shifts"] = np.array(shifts, dtype)
    return CCall(
        function=f"espdl_{kernel}_{'s8' if dtype == 'int8' else 's16'}",
        descriptor="espdl_conv_t",
        fields={
            **fields,
            "lanes": lanes,
            "shift": shifts[0] if len(shifts) == 1 else 0,
            "relu": int(operator.activation == "relu"),
            "half_even": int(chip.rounding == "half_even"),
            "ordered": int(ordered.any()),
            **register_fields(chip, dtype),
            "packed_bias_bits": chip.bias_bits(dtype, in_lanes=True) if chip.packs_bias else 0,
        },
        arrays=arrays,
        over_read=48 if depthwise else 16,
        needs=operator.needs(chip),
    )


def register_fields(chip: Chip, dtype: str) -> dict[str, FieldValue]:
    """Members of the C descriptor that say how wide sums are and when they are clamped."""
    rest = chip.accumulator(dtype, in_lanes=False)
    lanes = chip.accumulator(dtype, in_lanes=True) if chip.vector_bytes else rest
    return {
        "lane_bits": lanes.bits,
        "lane_products_per_clamp": lanes.products_per_clamp,
        "rest_bits": rest.bits,
        "rest_products_per_clamp": rest.products_per_clamp,
    }
