"""Float constants that are limits, or are compared or combined with an activation: as integers.

A clip behind a product or a sum becomes a ReLU, an operator of its own, or nothing: rounding never
changes the order of numbers, so that limiting before it and limiting its result to the rounded
limits give the same integers.
A limit of a comparison becomes the integer at the other input's exponent that decides alike for
every integer of that input. What is added, or is the larger or smaller of two, becomes an integer
at the exponent of the result; any other number one at an exponent of its own. What has no such
integer stays a float.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax
from tvm.ir import Call

from ....chips import Chip
from ....ops import Tensor
from ....ops.base.operator import Exponent
from ....ops.base.rounding import Array, power_of_two, round_float, saturate
from ... import qdq
from ...ir import array_of, is_constant, name_of, op_name
from .graph import RELU, Graph, Site, dequantized_constant, form, same_quantization

SUMS = ("relax.add", "relax.subtract", "relax.maximum", "relax.minimum")
PRODUCTS = ("relax.power", "relax.mod", "relax.multiply", "relax.divide")
# For each comparison with a limit on the right: how the limit is rounded, and whether limits below
# and above the type's range may be moved to its ends without another answer for any integer.
LIMITS: dict[str, tuple[Callable[[Array], Array], bool, bool]] = {
    "relax.equal": (np.array, False, False),
    "relax.greater": (np.floor, False, True),
    "relax.greater_equal": (np.ceil, True, False),
    "relax.less": (np.ceil, True, False),
    "relax.less_equal": (np.floor, False, True),
}
MIRRORED = {
    "relax.equal": "relax.equal",
    "relax.greater": "relax.less",
    "relax.greater_equal": "relax.less_equal",
    "relax.less": "relax.greater",
    "relax.less_equal": "relax.greater_equal",
}
LARGEST_EXPONENT = 30


@form(qdq.QUANTIZE)
def spell_limits(site: Site, chip: Chip) -> Any:
    """Rewrite `quantize(clip(v))` where v is a product or a sum, or one that was quantized."""
    graph, value = site.graph, site.value
    clip, exponent = graph.call(value.args[0], "relax.clip"), qdq.exponent_of(value)
    if clip is None or not isinstance(exponent, int):
        return None
    dtype = qdq.quantized_dtype(value)
    low, high = (_quantized_limit(limit, exponent, dtype, chip) for limit in clip.args[1:3])
    limits = np.iinfo(dtype)
    only_relu = low == 0 and high == limits.max
    rounded = graph.is_rounded_once(clip.args[0])
    if not rounded and not (only_relu and _was_quantized(graph, clip.args[0], value)):
        return None
    source = site.expr(clip.args[0])
    if only_relu:
        source = site.emit(relax.op.nn.relu(source), like=clip)
    elif (low, high) != (limits.min, limits.max):
        inner = site.quantized(source, value, f"{name_of(value)}_unlimited")
        real, scale = site.dequantized(inner, value), 2.0**exponent
        source = site.emit(relax.op.clip(real, low * scale, high * scale), like=clip)
    return site.quantized(source, value)


def _was_quantized(graph: Graph, argument: Any, quantize: Any) -> bool:
    """Whether `argument` is a product or a sum that was quantized like `quantize` before."""
    dequantize = graph.dequantized(argument)
    if dequantize is None or not same_quantization(dequantize, quantize):
        return False
    before = graph.call(dequantize.args[0], qdq.QUANTIZE)
    return before is not None and graph.is_rounded_once(before.args[0])


def _quantized_limit(limit: Any, exponent: int, dtype: str, chip: Chip) -> int:
    """A limit as the integer that a quantize call makes of it."""
    with np.errstate(over="ignore"):
        scaled = np.float32(float(limit.value)) * power_of_two(-exponent)
    return int(saturate(round_float(np.array(scaled), chip), dtype))


@form(*SUMS, *PRODUCTS, *LIMITS)
def spell_numbers(site: Site) -> Any:
    """Make dequantized integers of the float constants of these operators."""
    value = site.value
    for place in (0, 1):
        integers = _integers(site.graph, site.variable, value, place)
        if integers is not None:
            operands = [site.expr(argument) for argument in value.args]
            operands[place] = site.emit(dequantized_constant(*integers))
            return site.result(Call(value.op, operands, value.attrs, value.ty_args))
    return None


def _integers(
    graph: Graph, variable: relax.Var, value: relax.Expr, place: int
) -> tuple[Array, Tensor] | None:
    """The argument at `place` as integers and their type; None where it stays as it is."""
    constant, x = graph.value(value.args[place]), graph.dequantized(value.args[1 - place])
    if not is_constant(constant) or x is None:
        return None
    array = array_of(constant)
    if array.dtype != np.float32 or not np.isfinite(array).all():
        return None
    dtype = qdq.quantized_dtype(x)
    if op_name(value) in (*SUMS, *PRODUCTS):
        quantize = _quantized(graph, variable)
        if quantize is None or (op_name(value) == "relax.divide" and not array.all()):
            return None
        exponent = qdq.exponent_of(quantize) if op_name(value) in SUMS else None
        return _exact(array, dtype, exponent)
    name = op_name(value) if place == 1 else MIRRORED[op_name(value)]
    exponent = qdq.exponent_of(x)
    assert isinstance(exponent, int)
    limits = _limits(array, exponent, dtype, name)
    return None if limits is None else (limits, Tensor(dtype, array.shape, exponent))


def _quantized(graph: Graph, variable: relax.Var) -> Any:
    """The one quantize call that reads a variable, or a ReLU of it; or None."""
    reader = graph.only_reader(variable)
    if reader is None:
        return None
    if op_name(reader.value) == RELU:
        return _quantized(graph, reader.var)
    return reader.value if op_name(reader.value) == qdq.QUANTIZE else None


def _limits(array: Array, exponent: int, dtype: str, name: str) -> Array | None:
    """Integers q with `x * 2**exponent <name> number` just where `x <name> q`, for all x."""
    rounding, clamps_below, clamps_above = LIMITS[name]
    scaled = np.ldexp(array.astype(np.float64), -exponent)
    rounded = rounding(scaled)
    info = np.iinfo(dtype)
    outside = ((rounded < info.min) & (not clamps_below)) | (
        (rounded > info.max) & (not clamps_above)
    )
    if outside.any() or (rounded != np.rint(rounded)).any():
        return None
    return np.clip(rounded, info.min, info.max).astype(dtype)


def _exact(array: Array, dtype: str, wanted: Exponent = None) -> tuple[Array, Tensor] | None:
    """Integers and one exponent, which may be given, that are exactly these numbers."""
    exponents = [_lowest_bit(float(number)) for number in array.ravel() if number]
    exponent = min(exponents, default=0)
    if wanted is not None:
        if not isinstance(wanted, int) or (exponents and exponent < wanted):
            return None
        exponent = wanted
    integers = np.ldexp(array.astype(np.float64), -exponent)
    info = np.iinfo(dtype)
    fits = abs(exponent) <= LARGEST_EXPONENT
    if not fits or (integers < info.min).any() or (integers > info.max).any():
        return None
    return integers.astype(dtype), Tensor(dtype, array.shape, exponent)


def _lowest_bit(number: float) -> int:
    """The exponent of the lowest bit of a number that is not 0."""
    numerator, denominator = number.as_integer_ratio()
    return (numerator & -numerator).bit_length() - denominator.bit_length()
