"""Functions of one input that are no plain formula: clip, PReLU, softmax, identity."""

from __future__ import annotations

import numpy as np

from ...ops import Tensor
from ...ops.clip import Clip
from ...ops.log_softmax import LogSoftmax
from ...ops.prelu import Prelu
from ...ops.reshape import Reshape
from ...ops.softmax import Softmax
from ..network import Call, FloatCall
from ..node_view import NodeView
from ..tables import lookup


def identity(node: NodeView) -> list[Call]:
    """The same elements."""
    x = node.tensor()
    return [node.call(Reshape(x, node.typed(x.shape)), [node.operand(0)])]


def clip(node: NodeView) -> list[Call]:
    """Limits in the input's integers, or a table of them."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is not None and x.dtype == "int8":
        return [lookup(node, y, table)]
    if x.dtype == "float32":
        node.refuse("a clip of floats", x.dtype, "int8, int16")
    limits = np.iinfo(x.dtype)
    low = _limit(node, 1, int(limits.min))
    high = _limit(node, 2, int(limits.max))
    return [node.call(Clip(x, y, low, high), [node.operand(0)])]


def _limit(node: NodeView, place: int, default: int) -> int:
    if not node.has(place):
        return default
    stored = node.array(place)
    if stored.size != 1 or stored.dtype.kind != "i":
        node.refuse("a limit", f"{stored.dtype} {stored.shape}", "one integer")
    return int(stored.ravel()[0])


def prelu(node: NodeView) -> list[Call]:
    """One factor per channel, which is the last axis; or a table."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is not None and x.dtype == "int8":
        return [lookup(node, y, table)]
    factors = node.array(1).ravel()
    alpha = Tensor(str(factors.dtype), factors.shape, node.exponent(node.stored(1)))
    steepest = int(np.abs(factors.astype(np.int64)).max(initial=0))
    return [node.call(Prelu(x, y, alpha, steepest), [node.operand(0)], [factors])]


def softmax(node: NodeView) -> list[Call]:
    """Integers in, floats out; floats in are left to the C library."""
    x, kind = node.tensor(), node.node.op_type
    y = node.typed(x.shape)
    axis = node.axis(-1, len(x.shape))
    if y.dtype != "float32":
        node.refuse("a softmax has a float result", y.dtype, "float32")
    if x.dtype == "float32":
        name = "nn.softmax" if kind == "Softmax" else "nn.log_softmax"
        return [node.call(FloatCall(name, x, y, axis), [node.operand(0)])]
    record = Softmax if kind == "Softmax" else LogSoftmax
    return [node.call(record(x, y, axis), [node.operand(0)])]


TRANSLATORS = {
    "Clip": clip,
    "Identity": identity,
    "LogSoftmax": softmax,
    "PRelu": prelu,
    "Softmax": softmax,
}
