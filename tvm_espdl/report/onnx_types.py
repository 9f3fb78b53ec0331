"""Which types of ONNX nodes can become operators of ESP-DL or of this package at all.

It knows names only: whether one node of such a type keeps to the rules is for patterns to say.
"""

from __future__ import annotations

from functools import cache

from ..ops.base.registry import declared

#: Those that no operator declares as its form, for a pattern of their own takes them.
_BY_PATTERN = frozenset(
    (
        "AveragePool", "Clip", "Concat", "Conv", "ConvTranspose", "DepthToSpace", "Dropout",
        "Expand", "Flatten", "GRU", "Gather", "Gemm", "GlobalAveragePool", "GlobalMaxPool",
        "Identity", "LSTM", "LayerNormalization", "LogSoftmax", "LpNormalization", "MatMul",
        "MaxPool", "PRelu", "Pad", "RMSNormalization", "Reshape", "Resize", "ReverseSequence",
        "ScatterND", "Slice", "Softmax", "SpaceToDepth", "Split", "Squeeze", "Sum", "Tile",
        "Transpose", "Unsqueeze", "Upsample",
    )
)  # fmt: skip


@cache
def types_with_operator() -> frozenset[str]:
    """The types of ONNX nodes for which there is an operator."""
    return _BY_PATTERN.union(kind.form.onnx for kind in declared() if kind.form is not None)
