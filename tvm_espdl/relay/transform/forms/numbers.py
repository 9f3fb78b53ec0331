"""Float constants that are compared or combined with an activation: as integers.

A limit becomes the integer at the other input's exponent that decides alike for every integer of
that input. What is added, or is the larger or smaller of two, becomes an integer at the exponent of
the result; any other number one at an exponent of its own. What has no such integer stays a float.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tvm

from ....ops import Tensor
from ....ops.base.operator import Exponent
from ....ops.base.rounding import Array
from ... import qdq
from ...ir import Rebuilder, array_of, is_constant, main_of, name_of, named, op_name
from .graph import RELU, Graph, dequantized_constant, rewritten

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
CHANGED = (*SUMS, *PRODUCTS, *LIMITS)
LARGEST_EXPONENT = 30


def spell_numbers(mod: tvm.IRModule) -> tvm.IRModule:
    """Make dequantized integers of the float constants of these operators."""
    graph = Graph(main_of(mod))
    if not any(op_name(value) in CHANGED for value in graph.values.values()):
        return mod

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if op_name(value) not in CHANGED:
            return None
        for place in (0, 1):
            integers = _integers(graph, variable, value, place)
            if integers is not None:
                constant = rebuilder.emit(dequantized_constant(*integers))
                operands = [rebuilder.expr(argument) for argument in value.args]
                operands[place] = constant
                call = tvm.ir.Call(value.op, operands, value.attrs, value.ty_args)
                return rebuilder.emit(named(call, name_of(value)), str(variable.name))
        return None

    return rewritten(mod, rewrite)


def _integers(graph: Graph, variable: Any, value: Any, place: int) -> tuple[Array, Tensor] | None:
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


def _quantized(graph: Graph, variable: Any) -> Any:
    """The one quantize call that reads a variable, or a ReLU of it; or None."""
    readers = graph.readers[variable]
    if len(readers) != 1 or variable in graph.outputs:
        return None
    (reader,) = readers
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
    odd = numerator & -numerator
    return int(math.log2(odd)) - int(math.log2(denominator))
