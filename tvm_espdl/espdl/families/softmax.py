"""Softmax and LogSoftmax: integers in, floats out."""

from __future__ import annotations

from ...ops.log_softmax import LogSoftmax
from ...ops.softmax import Softmax
from ..node_view import NodeView, Readers
from ..step_view import Writers, plain
from ..types import FloatCall

KINDS = {"LogSoftmax": LogSoftmax, "Softmax": Softmax}


def read(node: NodeView) -> None:
    """Floats in are left to the C library."""
    x, kind = node.tensor(), node.node.op_type
    y = node.typed(x.shape)
    axis = node.axis(-1, len(x.shape))
    if y.dtype != "float32":
        node.refuse("a softmax has a float result", y.dtype, "float32")
    if x.dtype == "float32":
        name = "nn.softmax" if kind == "Softmax" else "nn.log_softmax"
        node.call(FloatCall(name, x, y, axis), [node.operand(0)])
        return
    node.call(KINDS[kind](x, y, axis), [node.operand(0)])


READERS: Readers = dict.fromkeys(KINDS, read)
WRITERS: Writers = {record.name: plain(kind, axis="axis") for kind, record in KINDS.items()}
