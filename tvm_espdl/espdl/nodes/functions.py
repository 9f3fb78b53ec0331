"""Functions of one input: tables for int8, the chip's float formulas for the rest, softmax, PReLU.

Source: ESP-DL's `deserialize` functions: with 8 bits a table takes the place of any formula; with
16 bits only LUT and Gelu read one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ops import Operator, Tensor
from ...ops.base.rounding import Array
from ...ops.clip import Clip
from ...ops.elu import Elu
from ...ops.exp import Exp
from ...ops.hard_sigmoid import HardSigmoid
from ...ops.hard_swish import HardSwish
from ...ops.leaky_relu import LeakyRelu
from ...ops.log import Log
from ...ops.log_softmax import LogSoftmax
from ...ops.lut import Lut
from ...ops.neg import Neg
from ...ops.prelu import Prelu
from ...ops.relu import Relu
from ...ops.reshape import Reshape
from ...ops.sigmoid import Sigmoid
from ...ops.softmax import Softmax
from ...ops.sqrt import Sqrt
from ...ops.swish import Swish
from ...ops.tanh import Tanh
from ...program import Step
from ..node_view import NodeView
from ..types import FloatCall

FORMULAS: dict[str, Callable[[NodeView, Tensor, Tensor], Operator]] = {
    "Elu": lambda node, x, y: Elu(x, y, node.real("alpha", 1.0)),
    "Exp": lambda _, x, y: Exp(x, y),
    "HardSigmoid": lambda node, x, y: HardSigmoid(
        x, y, node.real("alpha", 0.2), node.real("beta", 0.5)
    ),
    "HardSwish": lambda _, x, y: HardSwish(x, y),
    "Identity": lambda _, x, y: Reshape(x, y),
    "LeakyRelu": lambda node, x, y: LeakyRelu(x, y, node.real("alpha", 0.01)),
    "Log": lambda _, x, y: Log(x, y),
    "Neg": lambda _, x, y: Neg(x, y),
    "Relu": lambda _, x, y: Relu(x, y),
    "Sigmoid": lambda _, x, y: Sigmoid(x, y),
    "Sqrt": lambda _, x, y: Sqrt(x, y),
    "Swish": lambda _, x, y: Swish(x, y),
    "Tanh": lambda _, x, y: Tanh(x, y),
}
FLOATS = {
    "Exp": "exp",
    "Log": "log",
    "Neg": "negative",
    "Relu": "nn.relu",
    "Sigmoid": "sigmoid",
    "Sqrt": "sqrt",
    "Swish": "nn.silu",
    "Tanh": "tanh",
}
TABLES_ONLY = ("Gelu", "LUT")


def function(node: NodeView) -> list[Step]:
    """A function of each element."""
    x, kind = node.tensor(), node.node.op_type
    y = node.typed(x.shape)
    table = node.table()
    if table is not None and (x.dtype == "int8" or kind in TABLES_ONLY):
        return [_lookup(node, y, table)]
    if kind in TABLES_ONLY:
        node.refuse("a function without its table", allowed="attribute 'lut'")
    if x.dtype == "float32" and kind in FLOATS:
        return [node.call(FloatCall(FLOATS[kind], x, y), [node.operand(0)])]
    return [node.call(FORMULAS[kind](node, x, y), [node.operand(0)])]


def _lookup(node: NodeView, y: Tensor, table: Array) -> Step:
    x = node.tensor()
    step = 1
    if x.dtype == "int16":
        entries = table.size - 1 if table.size != 1 << 16 else table.size
        step = node.integer("int16_lut_step", (1 << 16) // max(entries, 1))
    name = node.string("original_op_type", node.node.op_type).lower()
    return node.call(Lut(x, y, name, step), [node.operand(0)], [table])


def clip(node: NodeView) -> list[Step]:
    """Limits in the input's integers, or a table of them."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is not None and x.dtype == "int8":
        return [_lookup(node, y, table)]
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


def prelu(node: NodeView) -> list[Step]:
    """One factor per channel, which is the last axis; or a table."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is not None and x.dtype == "int8":
        return [_lookup(node, y, table)]
    factors = node.array(1).ravel()
    alpha = Tensor(str(factors.dtype), factors.shape, node.exponent(node.stored(1)))
    steepest = int(np.abs(factors.astype(np.int64)).max(initial=0))
    return [node.call(Prelu(x, y, alpha, steepest), [node.operand(0)], [factors])]


def softmax(node: NodeView) -> list[Step]:
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
    **dict.fromkeys((*FORMULAS, *TABLES_ONLY), function),
    "Clip": clip,
    "LogSoftmax": softmax,
    "PRelu": prelu,
    "Softmax": softmax,
}
