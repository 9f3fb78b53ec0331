"""Operators of which TVM's importer makes something else than ONNX says, without a word.

Each is written anew, or refused with the reason. Sources: the operators' pages in ONNX's
documentation, and its reference implementation where those leave something open.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tvm import relax

from ..ir import dtype_of, shape_of
from .node import Node


def _like(value: float, x: Any) -> Any:
    return relax.const(np.asarray(value, dtype_of(x)), dtype_of(x))


def _full(value: Any, x: Any) -> Any:
    return relax.op.full(shape_of(x), _like(value, x), dtype_of(x))


def _bit_shift(node: Node) -> Any:
    """By less than nothing, or by all bits: nothing is left, but for the sign to the right."""
    x, by = node.inputs
    dtype = dtype_of(x)
    if shape_of(x) != shape_of(by):
        return None
    bits, signed = np.iinfo(dtype).bits, np.dtype(dtype).kind == "i"
    beyond = relax.op.greater_equal(by, _like(bits, by))
    if signed:
        beyond = relax.op.logical_or(beyond, relax.op.less(by, _like(0, by)))
    within = relax.op.where(beyond, _full(0, by), by)
    if node.text("direction", "") == "LEFT":
        return relax.op.where(beyond, _full(0, x), relax.op.left_shift(x, within))
    rest = _full(0, x)
    if signed:
        rest = relax.op.where(relax.op.less(x, _like(0, x)), _full(-1, x), rest)
    return relax.op.where(beyond, rest, relax.op.right_shift(x, within))


def _is_inf(node: Node) -> Any:
    negative, positive = (node.attrs.get(f"detect_{sign}", 1) for sign in ("negative", "positive"))
    if negative and positive:
        return None
    found, zero = relax.op.isinf(node.x), _like(0, node.x)
    if positive:
        return relax.op.logical_and(found, relax.op.greater(node.x, zero))
    if negative:
        return relax.op.logical_and(found, relax.op.less(node.x, zero))
    return relax.op.full(shape_of(node.x), relax.const(np.asarray(False)), "bool")


def _harmless(node: Node) -> Any:
    """Computed integer divisors, with 1 in place of 0 and of -1; None for any others.

    A division of integers by 0 ends the process on a PC, and so does that of the least by -1.
    """
    y = node.inputs[1]
    if not node.is_computed(1) or not all(isinstance(v.ty, relax.TensorType) for v in node.inputs):
        return None
    kind = np.dtype(dtype_of(y)).kind
    if kind not in "iu":
        return None
    harmful = relax.op.equal(y, _like(0, y))
    if kind == "i":
        harmful = relax.op.logical_or(harmful, relax.op.equal(y, _like(-1, y)))
    return relax.op.where(harmful, _like(1, y), y)


def _div(node: Node) -> Any:
    """Of integers by a computed divisor; by 0, of which ONNX says nothing, it is as by 1."""
    divisor = _harmless(node)
    if divisor is None:
        return None
    x, y = node.inputs
    quotient = relax.op.divide(x, divisor)
    if np.dtype(dtype_of(y)).kind == "u":
        return quotient
    return relax.op.where(relax.op.equal(y, _like(-1, y)), relax.op.negative(x), quotient)


def _mod(node: Node) -> Any:
    """Of floats with the divisor's sign: by infinity it leaves what has its sign, or is it."""
    x, y = node.inputs
    if (divisor := _harmless(node)) is not None:
        operator = relax.op.mod if node.attrs.get("fmod", 0) else relax.op.floor_mod
        return operator(x, divisor)
    if node.attrs.get("fmod", 0) or np.dtype(dtype_of(x)).kind != "f":
        return None
    zero = _like(0, x)
    rest = relax.op.subtract(x, relax.op.multiply(relax.op.floor(relax.op.divide(x, y)), y))
    # A zero has the divisor's sign, too.
    signed_zero = relax.op.multiply(relax.op.abs(rest), relax.op.sign(y))
    rest = relax.op.where(relax.op.equal(rest, zero), signed_zero, rest)
    below = relax.op.less(x, zero), relax.op.less(y, zero)
    above = map(relax.op.logical_not, below)
    alike = relax.op.logical_or(relax.op.logical_and(*below), relax.op.logical_and(*above))
    kept = relax.op.where(relax.op.logical_or(alike, relax.op.equal(x, zero)), x, y)
    finite = relax.op.logical_not(relax.op.logical_or(relax.op.isinf(x), relax.op.isnan(x)))
    by_infinity = relax.op.logical_and(relax.op.isinf(y), finite)
    return relax.op.where(by_infinity, kept, rest)


def _space_to_depth(node: Node) -> Any:
    """Of mode CRD, which TVM's importer takes for DCR."""
    if node.text("mode", "DCR") == "DCR":
        return None
    size = int(node.attrs["blocksize"])
    batch, depth, rows, columns = shape_of(node.x)
    split = relax.op.reshape(node.x, (batch, depth, rows // size, size, columns // size, size))
    moved = relax.op.permute_dims(split, [0, 1, 3, 5, 2, 4])
    return relax.op.reshape(moved, (batch, depth * size * size, rows // size, columns // size))


def _p_relu(node: Node) -> Any:
    """Of one slope for each channel, as operator set 6 and old PyTorch have it.

    Where each element behind some axis has a slope of its own, such elements are the channels of
    rows: TVM's importer would write a comparison, a product and a choice.
    """
    x, slope = node.inputs
    shape, slopes = shape_of(x), shape_of(slope)
    per_channel = len(slopes) == 1 and slopes[0] > 1 and len(shape) > 2
    if per_channel and slopes[0] == shape[1] != shape[-1]:
        return relax.op.nn.prelu(x, slope, 1)
    leading = next((n for n, extent in enumerate(slopes) if extent != 1), len(slopes))
    own = slopes[leading:]
    if len(own) < 2 or own != shape[len(shape) - len(own) :]:
        return None
    rows = relax.op.reshape(x, (-1, math.prod(own)))
    made = relax.op.nn.prelu(rows, relax.op.reshape(slope, (-1,)), 1)
    return relax.op.reshape(made, shape)


def _batch_normalization(node: Node) -> Any:
    if node.attrs.get("training_mode", 0):
        raise NotImplementedError("BatchNormalization in training mode is not supported")
    return None


def _dropout(node: Node) -> Any:
    training = node.constant(2)
    if node.is_computed(2) or (training is not None and training.any()):
        raise NotImplementedError("Dropout in training mode is not supported")
    return node.x if node.attrs["tvm_custom"]["num_outputs"] == 1 else None


def _roi_align(node: Node) -> Any:
    if node.text("mode", "avg") == "max":
        raise NotImplementedError("RoiAlign with mode=max is not supported")
    return None


def _layer_normalization(node: Node) -> Any:
    """With the mean and the inverse deviation as further results; else TVM's importer does it."""
    if node.attrs["tvm_custom"]["num_outputs"] == 1:
        return None
    x, rank = node.x, len(shape_of(node.x))
    first = int(node.attrs.get("axis", -1)) % rank
    along = {"axis": list(range(first, rank)), "keepdims": True}
    mean = relax.op.mean(x, **along)
    centred = relax.op.subtract(x, mean)
    variance = relax.op.mean(relax.op.multiply(centred, centred), **along)
    spread = relax.op.add(variance, _like(node.attrs.get("epsilon", 1e-5), x))
    inverse = relax.op.divide(_like(1, x), relax.op.sqrt(spread))
    y = relax.op.multiply(relax.op.multiply(centred, inverse), node.inputs[1])
    if node.given(2) is not None:
        y = relax.op.add(y, node.inputs[2])
    return relax.Tuple([y, mean, inverse][: node.attrs["tvm_custom"]["num_outputs"]])


def _constant_of_shape(node: Node) -> Any:
    if isinstance(node.x.ty, relax.TensorType) and node.constant(0) is None:
        raise NotImplementedError("a shape that is computed at run time is not supported")
    return None


def _of_sequences(node: Node) -> Any:
    raise NotImplementedError("sequences of tensors are not supported")


def _top_k(node: Node) -> Any:
    if dtype_of(node.x) == "uint64":
        raise NotImplementedError("TopK of uint64 is not supported")
    return None


def _trilu(node: Node) -> Any:
    """Of nothing it is nothing, which TVM's importer stumbles over."""
    return node.x if 0 in shape_of(node.x) else None


CONVERTERS = {
    "BatchNormalization": _batch_normalization,
    "BitShift": _bit_shift,
    "ConstantOfShape": _constant_of_shape,
    "Dropout": _dropout,
    "IsInf": _is_inf,
    "LayerNormalization": _layer_normalization,
    "Div": _div,
    "Mod": _mod,
    "PRelu": _p_relu,
    "RoiAlign": _roi_align,
    "SequenceErase": _of_sequences,
    "SpaceToDepth": _space_to_depth,
    "SplitToSequence": _of_sequences,
    "TopK": _top_k,
    "Trilu": _trilu,
}
