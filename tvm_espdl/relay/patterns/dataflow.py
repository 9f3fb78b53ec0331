"""The pieces that all patterns are made of: quantize, dequantize, an optional activation.

Pure construction of dataflow patterns; nothing is matched here.
"""

from __future__ import annotations

from typing import Any

from tvm.relax.dpl import DFPattern, is_const, is_op, wildcard

from .. import qdq


def dequantized(argument: DFPattern | None = None) -> Any:
    """A dequantize call with constant scale and zero point."""
    source = wildcard() if argument is None else argument
    return is_op(qdq.DEQUANTIZE)(source, is_const(), is_const())


def quantized(argument: DFPattern) -> Any:
    """A quantize call with constant scale and zero point."""
    return is_op(qdq.QUANTIZE)(argument, is_const(), is_const())


def dequantized_constant() -> Any:
    """A constant that is dequantized: a filter or a bias."""
    return dequantized(is_const())


def with_relu(argument: DFPattern) -> tuple[Any, Any]:
    """`argument`, or relu of it; and the relu, as a role."""
    relu = is_op("relax.nn.relu")(argument)
    return relu | argument, relu


def maybe_requantized(argument: DFPattern) -> tuple[Any, Any]:
    """`argument`, or it quantized and dequantized; and that dequantize call, as a role."""
    again = dequantized(quantized(argument))
    return again | argument, again


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """NCHW (NCW) to NHWC (NWC)."""
    return (shape[0], *shape[2:], shape[1])
