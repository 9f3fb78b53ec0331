"""Comparisons, whose result is of type bool, powers and remainders; either input may be constant.

The chip ignores Mod's attribute `fmod`: the remainder always has the dividend's sign.
"""

from __future__ import annotations

from ...ops.base.binary import Binary
from ...ops.equal import Equal
from ...ops.greater import Greater
from ...ops.greater_equal import GreaterEqual
from ...ops.less import Less
from ...ops.less_equal import LessEqual
from ...ops.mod import Mod
from ...ops.pow import Pow
from ...program import Step
from ..node_view import NodeView
from .binary import two_inputs

KINDS: dict[str, type[Binary]] = {
    "Equal": Equal,
    "Greater": Greater,
    "GreaterOrEqual": GreaterEqual,
    "Less": Less,
    "LessOrEqual": LessEqual,
    "Mod": Mod,
    "Pow": Pow,
}


def comparison(node: NodeView) -> list[Step]:
    """An operator of two tensors and nothing else."""
    operator = KINDS[node.node.op_type](*two_inputs(node))
    return [node.call(operator, [node.operand(0), node.operand(1)])]


TRANSLATORS = dict.fromkeys(KINDS, comparison)
