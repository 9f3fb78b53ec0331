"""Biases: one vector added behind the product, of floats or of integers at the products' exponent.

Floats stay what they are: patterns round them where the chip takes the node. Integers at a larger
exponent are shifted, which is exact; whatever else a bias may be is left to the operators' rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import relax

from ....ops import Tensor
from ....ops.base.rounding import Array
from ... import qdq
from ...ir import array_of, is_constant, op_name, shape_of
from .graph import ADD, CONVOLUTIONS, MATMUL, Graph, Site, dequantized_constant, form

Bias = tuple[Array, Tensor]  # floats have no exponent


@form(ADD)
def spell_biases(site: Site) -> Any:
    """Bring the bias of every convolution and matrix product with weights into one form."""
    graph, value = site.graph, site.value
    for product, constant in (value.args, reversed(value.args)):
        target = _target(graph, product)
        bias = _vector(graph, constant, target) if target is not None else None
        if target is None or bias is None:
            continue
        if _is_spelled(graph, value, bias):
            return None
        array, tensor = bias
        floats = tensor.exponent is None
        vector = relax.const(array) if floats else site.emit(dequantized_constant(array, tensor))
        if target.axis != target.rank - 1:
            shape = tuple(-1 if n == target.axis else 1 for n in range(target.rank))
            vector = site.emit(relax.op.reshape(vector, shape))
        return site.result(relax.op.add(site.expr(product), vector))
    return None


@dataclass(frozen=True)
class _Target:
    """What a bias is added to: its rank, channel axis, data's type, exponent of each channel."""

    rank: int
    axis: int
    dtype: str
    exponents: tuple[int, ...]


def _target(graph: Graph, product: Any) -> _Target | None:
    call = graph.call(product, MATMUL, *CONVOLUTIONS)
    if call is None:
        return None
    x = graph.dequantized(call.args[0])
    turned = graph.call(call.args[1], "relax.permute_dims")
    w = graph.weights(call.args[1] if turned is None else turned.args[0])
    if x is None or w is None:
        return None
    shape = shape_of(call)
    axis = len(shape) - 1 if op_name(call) == MATMUL else 1
    of_weights = np.array(qdq.exponent_of(w))
    if of_weights.size not in (1, shape[axis]):
        return None
    exponents = np.broadcast_to(of_weights + qdq.exponent_of(x), (shape[axis],))
    return _Target(len(shape), axis, qdq.quantized_dtype(x), tuple(map(int, exponents)))


def _vector(graph: Graph, constant: Any, target: _Target) -> Bias | None:
    """The bias as one value for each channel, and its type; None where it is no such vector."""
    value = graph.value(constant)
    shape = shape_of(value)
    wide = (1,) * (target.rank - len(shape)) + shape
    channels = len(target.exponents)
    if len(wide) != target.rank or wide[target.axis] not in (1, channels):
        return None
    if any(n != 1 for axis, n in enumerate(wide) if axis != target.axis):
        return None
    value = graph.unshaped(value)
    if is_constant(value) and array_of(value).dtype == np.float32:
        floats = np.ascontiguousarray(np.broadcast_to(array_of(value).ravel(), (channels,)))
        return floats, Tensor("float32", floats.shape)
    dequantize = graph.weights(value)
    return None if dequantize is None else _integers(graph, dequantize, target)


def _integers(graph: Graph, dequantize: Any, target: _Target) -> Bias | None:
    """Quantized integers at the exponent of the products."""
    exponents = np.array(target.exponents)
    integers = array_of(graph.value(dequantize.args[0])).astype(np.int64).ravel()
    shifts = np.array(qdq.exponent_of(dequantize)) - exponents
    if (shifts < 0).any() or (shifts > 62).any() or integers.size not in (1, exponents.size):
        return None
    products = integers.astype(object) * (1 << shifts.astype(object))
    for dtype in ("int32",) if target.dtype == "int8" else ("int32", "int64"):
        limits = np.iinfo(dtype)
        if all(limits.min <= int(product) <= limits.max for product in products):
            exponent = qdq.joined(target.exponents)
            return products.astype(dtype), Tensor(dtype, products.shape, exponent)
    return None


def _is_spelled(graph: Graph, add: Any, bias: Bias) -> bool:
    """Whether an addition has its bias in the one form already."""
    value = graph.unshaped(add.args[1])
    array, tensor = bias
    if tensor.exponent is None:
        return is_constant(value) and array_of(value).shape == array.shape
    return op_name(value) == qdq.DEQUANTIZE and qdq.quantized_tensor(value) == tensor
