"""Products of computed matrices."""

from __future__ import annotations

from tvm.relax.dpl import is_op

from ...ops import Operator
from ...ops.matmul import Matmul
from .dataflow import dequantized, quantized, with_relu
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """matmul, with and without ReLU."""
    return [_matmul()]


def _matmul() -> Pattern:
    a, b = dequantized(), dequantized()
    result, relu = with_relu(is_op("relax.matmul")(a, b))

    def build(match: Match) -> Operator:
        return Matmul(match.tensor("a"), match.tensor("b"), match.output, match.activation)

    roles = {"a": a, "b": b, "relu": relu}
    return Pattern("matmul", quantized(result), roles, build, ("a", "b"), applies=_is_not_gemm)


def _is_not_gemm(match: Match) -> bool:
    """A second factor that is one constant matrix makes a gemm, or its reason against one."""
    return not match.is_constant("b") or len(match.tensor("b").shape) != 2
