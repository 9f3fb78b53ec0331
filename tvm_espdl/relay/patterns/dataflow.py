"""The pieces that all patterns are made of: quantize, dequantize, an optional activation.

Pure construction of dataflow patterns, and the operators that one cannot do without: where these
do not all occur in a module, it matches nothing there. Nothing is matched here.
"""

from __future__ import annotations

from typing import Any

from tvm.relax.dpl import DFPattern, is_const, is_op, wildcard
from tvm.relax.dpl.pattern import AndPattern, CallPattern, ExprPattern, OrPattern, TuplePattern

from .. import qdq

FLOAT = "float "  # before the name of a role: the constant in it is not quantized
NOTHING: frozenset[str] = frozenset()


def dequantized(argument: DFPattern | None = None) -> Any:
    """A dequantize call with constant scale and zero point."""
    source = wildcard() if argument is None else argument
    return is_op(qdq.DEQUANTIZE)(source, is_const(), is_const())


def quantized(argument: DFPattern) -> Any:
    """A quantize call with constant scale and zero point."""
    return is_op(qdq.QUANTIZE)(argument, is_const(), is_const())


def dequantized_constant() -> Any:
    """A constant that is dequantized: a filter or a bias."""
    return dequantized(is_const())


def constant(role: str) -> tuple[DFPattern, dict[str, DFPattern]]:
    """A constant, dequantized or float; and both as roles, `role` and `float <role>`."""
    packed, plain = dequantized_constant(), is_const()
    return packed | plain, {role: packed, FLOAT + role: plain}


def maybe_reshaped(argument: DFPattern) -> DFPattern:
    """`argument`, or a reshape of it."""
    return argument | is_op("relax.reshape")(argument, wildcard())


def either(call: str, left: DFPattern, right: DFPattern) -> DFPattern:
    """A call with its two arguments in any order."""
    return is_op(call)(left, right) | is_op(call)(right, left)


def with_relu(argument: DFPattern) -> tuple[Any, Any]:
    """`argument`, or relu of it; and the relu, as a role."""
    relu = is_op("relax.nn.relu")(argument)
    return relu | argument, relu


def maybe_requantized(argument: DFPattern) -> tuple[Any, Any]:
    """`argument`, or it quantized and dequantized; and that dequantize call, as a role."""
    again = dequantized(quantized(argument))
    return again | argument, again


def needed_operators(pattern: Any) -> frozenset[str]:
    """The names of operators that every match of `pattern` calls; perhaps not all of them."""
    if isinstance(pattern, CallPattern):
        of_arguments = (needed_operators(argument) for argument in pattern.args or ())
        return _called(pattern.op).union(*of_arguments)
    if isinstance(pattern, OrPattern):
        return needed_operators(pattern.left) & needed_operators(pattern.right)
    if isinstance(pattern, AndPattern):
        return needed_operators(pattern.left) | needed_operators(pattern.right)
    if isinstance(pattern, TuplePattern):
        return NOTHING.union(*(needed_operators(field) for field in pattern.fields))
    return NOTHING


def _called(callee: Any) -> frozenset[str]:
    expr: Any = callee.expr if isinstance(callee, ExprPattern) else None
    return frozenset({str(expr.name)}) if hasattr(expr, "name") else NOTHING
