"""Nodes that have a lookup table, read and written: LUT, Gelu, and any function of int8.

Source: the `deserialize` functions of ESP-DL's modules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import Tensor
from ..ops.base.rounding import Array
from ..ops.lut import Lut
from ..ops.relu import Relu
from .draft import Setting
from .network import Call
from .node_view import NodeView
from .step_view import Emitters, StepView

# Nodes that may have nothing but a table: by what the table's function is called.
TABULATED = {
    kind.lower(): kind
    for kind in ("Exp", "Gelu", "HardSwish", "Log", "Relu", "Sigmoid", "Sqrt", "Swish", "Tanh")
}


def lookup(node: NodeView, y: Tensor, table: Array) -> Call:
    """The call of a node that has a table."""
    x = node.tensor()
    step = 1
    if x.dtype == "int16":
        entries = table.size - 1 if table.size != 1 << 16 else table.size
        step = node.integer("int16_lut_step", (1 << 16) // max(entries, 1))
    name = node.string("original_op_type", node.node.op_type).lower()
    return node.call(Lut(x, y, name, step), [node.operand(0)], [table])


def table_only(node: NodeView) -> list[Call]:
    """A node that is nothing without its table."""
    x, table = node.tensor(), node.table()
    y = node.typed(x.shape)
    if table is None:
        node.refuse("a function without its table", allowed="attribute 'lut'")
    return [lookup(node, y, table)]


def table_setting(step: StepView) -> dict[str, Setting]:
    """The attribute that names the table of an int8 function; nothing where it needs none."""
    x, y = step.operator.x, step.operator.y
    plain_relu = isinstance(step.operator, Relu) and x.exponent == y.exponent
    if (x.dtype, y.dtype) != ("int8", "int8") or plain_relu:
        return {}
    inputs = np.arange(-128, 128).astype(np.int8)
    return {"lut": _stored(step, step.operator.reference(step.chip, inputs))}


def _stored(step: StepView, table: Any) -> str:
    return step.constant("table", table, None, step.operator.y.exponent, layout="", shared=True)


def write_lookup(step: StepView) -> None:
    """A table: under its function's own name for int8, as LUT where that needs more or is int16."""
    operator: Lut = step.operator
    table = _stored(step, step.constants[0])
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


TRANSLATORS = dict.fromkeys(("Gelu", "LUT"), table_only)
EMITTERS: Emitters = {Lut: write_lookup}
