"""Functions of each element that are tables or have factors: PRelu, LUT, Gelu.

Any function of int8 may be a table in a node. Source: the `deserialize` functions of ESP-DL's
modules.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.lut import Lut
from ...ops.prelu import Prelu
from ...ops.relu import Relu
from ..draft import Setting
from ..node_view import NodeView, Reader, Readers
from ..step_view import StepView, Writers

# Nodes that may have nothing but a table: by what the table's function is called.
TABULATED = {
    kind.lower(): kind
    for kind in ("Exp", "Gelu", "HardSwish", "Log", "Relu", "Sigmoid", "Sqrt", "Swish", "Tanh")
}


def or_table(read: Callable[[NodeView, Tensor, Tensor], None] | None) -> Reader:
    """Reads a node by its table where it has one of int8, else from its types of x and y.

    Without a `read` the node has a table, of int16 too.
    """

    def read_node(node: NodeView) -> None:
        x, table = node.tensor(), node.table()
        y = node.typed(x.shape)
        if read is not None and (table is None or x.dtype != "int8"):
            read(node, x, y)
            return
        if table is None:
            node.leave("a function without its table", allowed="attribute 'lut'")
        step = 1
        if x.dtype == "int16":
            entries = table.size - 1 if table.size != 1 << 16 else table.size
            step = node.integer("int16_lut_step", (1 << 16) // max(entries, 1))
        name = node.string("original_op_type", node.node.op_type).lower()
        node.call(Lut(x, y, name, step), constants=[table])

    return read_node


def table_setting(step: StepView) -> dict[str, Setting]:
    """The attribute that names the table of an int8 function; nothing where it needs none."""
    x, y = step.operator.x, step.operator.y
    plain_relu = isinstance(step.operator, Relu) and x.exponent == y.exponent
    if (x.dtype, y.dtype) != ("int8", "int8") or plain_relu:
        return {}
    inputs = np.arange(-128, 128).astype(np.int8)
    return {"lut": _add_table(step, step.operator.reference(step.chip, inputs))}


def _add_table(step: StepView, table: Array) -> str:
    """A table as a constant, one for all nodes that have the same."""
    return step.constant("table", table, None, step.operator.y.exponent, layout="", shared=True)


@or_table
def read_prelu(node: NodeView, x: Tensor, y: Tensor) -> None:
    """One factor per channel, which is the last axis."""
    factors = _factors_of_channels(node, x)
    steepest = int(np.abs(factors.astype(np.int64)).max(initial=0))
    node.call(Prelu(x, y, node.type_of(factors), steepest), constants=[factors])


def _factors_of_channels(node: NodeView, x: Tensor) -> Array:
    """The factors as the chip reads them: the first ones, or the first one for all channels.

    Source: ESP-DL `dl/module/include/dl_module_prelu.hpp`, `get_output_shape`.
    """
    factors, channels = node.array(1).ravel(), x.shape[-1] if x.shape else 1
    if not factors.size or (factors.size < channels and x.dtype != "int16"):
        node.refuse("factors of the channels", f"{factors.size} for {channels}", f"{channels}")
    if factors.size == channels:
        return factors
    which = "the first one for all" if x.dtype == "int16" else f"the first {channels} of them"
    if factors.size > 1:
        node.warn(
            f"the last axis of {x.shape} has {channels} channels. Found: {factors.size} factors. "
            f"The chip reads {which}; the PC follows the chip."
        )
    return np.full(channels, factors[0]) if x.dtype == "int16" else factors[:channels].copy()


def write_prelu(step: StepView) -> None:
    """One factor per channel, `(channels, 1, 1)` whatever the data's layout."""
    factors = step.constants[0].ravel()
    alpha = step.constant("alpha", factors, (factors.size, 1, 1), step.operator.alpha.exponent)
    step.node("PRelu", [step.operand(0), alpha])


def write_lookup(step: StepView) -> None:
    """A table: under its function's own name for int8, as LUT where that needs more or is int16."""
    operator: Lut = step.operator
    settings: dict[str, Setting] = {"lut": _add_table(step, step.constants[0])}
    kind = TABULATED.get(operator.function.lower().replace("_", ""), "LUT")
    if operator.x.dtype != "int8" or kind == "LUT":
        kind = "LUT"
        settings |= {"int16_lut_step": operator.step, "original_op_type": operator.function}
    step.node(kind, settings=settings)


READERS: Readers = {
    "PRelu": read_prelu,
    **dict.fromkeys(("Gelu", "LUT"), or_table(None)),
}
WRITERS: Writers = {Lut.name: write_lookup, Prelu.name: write_prelu}
