"""Matrix products with a constant: `quantize(relu(matmul(x, w) + b))`, bias and ReLU optional.

ONNX's Gemm arrives like this too, its matrix transposed by `permute_dims` when transB is set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.relax.dpl import is_op, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal
from ...ops.base.rounding import Array
from ...ops.gemm import Gemm
from .dataflow import dequantized, dequantized_constant, quantized, with_relu
from .match import Match, Pattern
from .weights import (
    Bias,
    bias_type,
    bias_values,
    has_bias_vector,
    limited_bias,
    misplaced_exponents,
)


def patterns() -> list[Pattern]:
    """With and without bias, matrix as it is and transposed."""
    return [
        _pattern(biased=biased, transposed=transposed)
        for biased in (False, True)
        for transposed in (False, True)
    ]


def _pattern(*, biased: bool, transposed: bool) -> Pattern:
    x, w, b = dequantized(), dequantized_constant(), Bias()
    matrix = is_op("relax.permute_dims")(w) if transposed else w
    roles: dict[str, Any] = {"x": x, "w": w}
    if transposed:
        roles["transposed"] = matrix
    result = is_op("relax.matmul")(x, matrix)
    if biased:
        roles |= b.roles
        vector = b.vector | is_op("relax.reshape")(b.vector, wildcard())
        result = is_op("relax.add")(result, vector)
    result, roles["relu"] = with_relu(result)
    return Pattern(
        "gemm",
        quantized(result),
        roles,
        ("x",),
        _build,
        tables=_constants,
        applies=_is_one_matrix,
        warn=limited_bias,
        form=f"{'with' if biased else 'without'} bias{', transposed' if transposed else ''}",
    )


def _is_one_matrix(match: Match) -> bool:
    """Constants of other ranks are batches of matrices, which `matmul` takes."""
    return len(match.tensor("w").shape) == 2 and has_bias_vector(match)


def _build(match: Match) -> Operator | Refusal:
    w = match.tensor("w")
    misplaced = misplaced_exponents(match, channel_axis=0 if "transposed" in match else 1)
    if misplaced is not None:
        return misplaced
    if "transposed" in match:
        w = w.permuted((1, 0))
    activation = "relu" if "relu" in match else "linear"
    return Gemm(match.tensor("x"), w, bias_type(match), match.output, activation)


def _constants(match: Match, chip: Chip) -> tuple[Array, ...]:
    w = match.constant("w")
    if "transposed" in match:
        w = np.ascontiguousarray(w.T)
    return (w, *bias_values(match, chip))
