"""softmax: integers in, float32 out; a quantize call that follows is an operator of its own."""

from __future__ import annotations

from tvm.relax.dpl import is_op

from ...ops import Operator, Tensor
from ...ops.softmax import Softmax
from .dataflow import dequantized
from .match import Match, Pattern


def patterns() -> list[Pattern]:
    """Softmax."""
    x = dequantized()
    softmax = is_op("relax.nn.softmax")(x)

    def build(match: Match) -> Operator:
        tensor = match.tensor("x")
        axis = int(match["softmax"].attrs.axis) % len(tensor.shape)
        return Softmax(tensor, Tensor("float32", tensor.shape), axis)

    return [Pattern("softmax", softmax, {"x": x, "softmax": softmax}, ("x",), build)]
