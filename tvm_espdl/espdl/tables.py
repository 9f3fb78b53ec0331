"""Lookup tables of functions, as nodes have them: any function of int8 may be one.

Source: the `deserialize` functions of ESP-DL's modules.
"""

from __future__ import annotations

import numpy as np

from ..ops import Tensor
from ..ops.base.rounding import Array
from ..ops.lut import Lut
from ..ops.relu import Relu
from .draft import Setting
from .node_view import NodeView
from .step_view import StepView


def lookup(node: NodeView, y: Tensor, table: Array) -> None:
    """Read a node that has a table."""
    x = node.tensor()
    step = 1
    if x.dtype == "int16":
        entries = table.size - 1 if table.size != 1 << 16 else table.size
        step = node.integer("int16_lut_step", (1 << 16) // max(entries, 1))
    name = node.string("original_op_type", node.node.op_type).lower()
    node.call(Lut(x, y, name, step), [node.operand(0)], [table])


def table_setting(step: StepView) -> dict[str, Setting]:
    """The attribute that names the table of an int8 function; nothing where it needs none."""
    x, y = step.operator.x, step.operator.y
    plain_relu = isinstance(step.operator, Relu) and x.exponent == y.exponent
    if (x.dtype, y.dtype) != ("int8", "int8") or plain_relu:
        return {}
    inputs = np.arange(-128, 128).astype(np.int8)
    return {"lut": add_table(step, step.operator.reference(step.chip, inputs))}


def add_table(step: StepView, table: Array) -> str:
    """A table as a constant, one for all nodes that have the same."""
    return step.constant("table", table, None, step.operator.y.exponent, layout="", shared=True)
