"""Functions of each element that have parameters of their own: Clip, PRelu, LUT, Gelu.

Source: the `deserialize` functions of ESP-DL's modules.
"""

from __future__ import annotations

import numpy as np

from ...ops import Tensor
from ...ops.clip import Clip
from ...ops.lut import Lut
from ...ops.prelu import Prelu
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from ..tables import add_table, lookup, table_setting

# Nodes that may have nothing but a table: by what the table's function is called.
TABULATED = {
    kind.lower(): kind
    for kind in ("Exp", "Gelu", "HardSwish", "Log", "Relu", "Sigmoid", "Sqrt", "Swish", "Tanh")
}


def read_clip(node: NodeView) -> None:
    """Limits in the input's integers, or a table of them."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is not None and x.dtype == "int8":
        lookup(node, y, table)
        return
    if x.dtype == "float32":
        node.refuse("a clip of floats", x.dtype, "int8, int16")
    limits = np.iinfo(x.dtype)
    low = _limit(node, 1, int(limits.min))
    high = _limit(node, 2, int(limits.max))
    node.call(Clip(x, y, low, high), [node.operand(0)])


def _limit(node: NodeView, place: int, default: int) -> int:
    if not node.has(place):
        return default
    stored = node.array(place)
    if stored.size != 1 or stored.dtype.kind != "i":
        node.refuse("a limit", f"{stored.dtype} {stored.shape}", "one integer")
    return int(stored.ravel()[0])


def write_clip(step: StepView) -> None:
    """Limits in the input's integers, and for int8 the table of both."""
    operator: Clip = step.operator
    dtype, exponent = operator.x.dtype, operator.x.exponent
    limits = [
        step.constant(what, np.array([limit], dtype), None, exponent)
        for what, limit in (("min", operator.low), ("max", operator.high))
    ]
    step.node("Clip", [step.operand(0), *limits], table_setting(step))


def read_prelu(node: NodeView) -> None:
    """One factor per channel, which is the last axis; or a table."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is not None and x.dtype == "int8":
        lookup(node, y, table)
        return
    factors = node.array(1).ravel()
    alpha = Tensor(str(factors.dtype), factors.shape, node.exponent(node.stored(1)))
    steepest = int(np.abs(factors.astype(np.int64)).max(initial=0))
    node.call(Prelu(x, y, alpha, steepest), [node.operand(0)], [factors])


def write_prelu(step: StepView) -> None:
    """One factor per channel, `(channels, 1, 1)` whatever the data's layout."""
    factors = step.constants[0].ravel()
    alpha = step.constant("alpha", factors, (factors.size, 1, 1), step.operator.alpha.exponent)
    step.node("PRelu", [step.operand(0), alpha])


def read_table(node: NodeView) -> None:
    """A node that is nothing without its table."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is None:
        node.refuse("a function without its table", allowed="attribute 'lut'")
    lookup(node, y, table)


def write_lookup(step: StepView) -> None:
    """A table: under its function's own name for int8, as LUT where that needs more or is int16."""
    operator: Lut = step.operator
    table = add_table(step, step.constants[0])
    kind = TABULATED.get(operator.function.lower().replace("_", ""), "LUT")
    if operator.x.dtype == "int8" and kind != "LUT":
        step.node(kind, [step.operand(0)], {"lut": table})
        return
    step.node(
        "LUT",
        [step.operand(0)],
        {
            "lut": table,
            "int16_lut_step": operator.step,
            "original_op_type": operator.function,
        },
    )


READERS: Readers = {
    "Clip": read_clip,
    "Gelu": read_table,
    "LUT": read_table,
    "PRelu": read_prelu,
}
WRITERS: Writers = {Clip.name: write_clip, Lut.name: write_lookup, Prelu.name: write_prelu}
