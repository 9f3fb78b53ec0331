"""Reads `relax.quantize` and `relax.dequantize`: from scales to exponents.

Here, and nowhere below, are float scales; whatever is no power of two is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from tvm import relax

from ..errors import ModelError
from ..ops import Tensor
from ..ops.base.operator import Exponent
from .ir import array_of, dtype_of, is_constant, name_of, op_name, shape_of

QUANTIZE = "relax.quantize"
DEQUANTIZE = "relax.dequantize"
ACTIVATION_DTYPES = ("int8", "int16")
DTYPES = (*ACTIVATION_DTYPES, "int32", "int64")
_OFFER = (
    "quantize the float model with `tvm-espdl quantize`, or re-express this one with the nearest "
    "scales: `tvm-espdl quantize --requantize`, which reports the loss"
)


def exponent_of(call: Any) -> Exponent:
    """Exponent, or exponents per channel, of a quantize or dequantize call.

    A per-channel call whose scales are all equal counts as per tensor.

    Raises
    ------
    ModelError
        If a scale is not a positive power of two, or is computed at run time.
    """
    if not is_constant(call.args[1]):
        try_ = "quantize statically, for example with `tvm-espdl quantize`"
        raise _refused(
            "a quantization scale is computed at run time", call, None, "a constant", try_
        )
    exponents = []
    for value in map(float, np.atleast_1d(array_of(call.args[1]))):
        mantissa, exponent = math.frexp(value)
        if mantissa != 0.5 or value <= 0 or not math.isfinite(value):
            what, allowed = "a quantization scale is no power of two", "2**e for an integer e"
            raise _refused(what, call, f"scale {value:.9g}", allowed)
        exponents.append(exponent - 1)
    return joined(exponents)


def joined(exponents: Sequence[int]) -> Exponent:
    """One exponent where all are equal."""
    return exponents[0] if len(set(exponents)) == 1 else tuple(exponents)


def _refused(
    what: str, call: Any, found: str | None, allowed: str, try_: str = _OFFER
) -> ModelError:
    return ModelError(what, where=name_of(call), found=found, allowed=allowed, try_=try_)


def check(call: Any) -> None:
    """Refuse a quantize or dequantize call that no Espressif chip can express.

    Raises
    ------
    ModelError
        For a scale that is no power of two, a zero point that is not zero, an unsigned type.
    """
    exponent_of(call)
    zero = call.args[2]
    if not is_constant(zero) or np.any(array_of(zero)):
        found = array_of(zero).ravel()[0] if is_constant(zero) else "a computed zero point"
        allowed = "0: the chip's quantization is symmetric"
        raise _refused("a zero point is not zero", call, f"zero point {found}", allowed)
    dtype = quantized_dtype(call)
    if dtype not in DTYPES:
        raise _refused("the quantized type is not supported", call, dtype, ", ".join(DTYPES))


def quantized_dtype(call: Any) -> str:
    """Integer type of a quantize call's result or of a dequantize call's argument."""
    return dtype_of(call) if op_name(call) == QUANTIZE else dtype_of(call.args[0])


def quantized_tensor(call: Any) -> Tensor:
    """Type of the integers of a quantize or dequantize call, in the layout of the model."""
    return Tensor(quantized_dtype(call), shape_of(call), exponent_of(call))


def quantized_constant(call: Any) -> Any:
    """The integers of a quantize call of a constant: to the nearest, ties to even, as ONNX says."""
    array, scale = array_of(call.args[0]), array_of(call.args[1])
    if scale.ndim:
        shape = [1] * array.ndim
        shape[int(call.attrs.axis) % array.ndim] = scale.size
        scale = scale.reshape(shape)
    limits = np.iinfo(quantized_dtype(call))
    rounded = np.rint(array.astype(np.float64) / scale)
    return relax.const(np.clip(rounded, limits.min, limits.max).astype(limits.dtype))
