"""The operator library: one file per operator, each a frozen record of what it is and computes.

This folder owns rules, arithmetic, cost and C call of every operator. It knows NumPy and the
chips, never TVM and never files.
"""

from .base.operator import Operator, Refusal, Tensor
from .base.registry import from_json, operator_class, operators

__all__ = ["Operator", "Refusal", "Tensor", "from_json", "operator_class", "operators"]
