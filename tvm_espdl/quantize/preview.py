"""What a float network would be once it is quantized, for reports that need no accuracy.

Which kernel a layer gets follows from operators, types and shapes, and hardly ever from the data:
so made-up inputs serve. Nothing of the result is meant to be used.
"""

from __future__ import annotations

import os

import numpy as np
from onnx import ModelProto

from ..chips import Chip
from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature, input_signature, load_model
from ..preprocess import preprocess_onnx
from ..report.rows import LeftFloat
from .foreign import is_quantized
from .quantization import Options, quantize


def is_float(model: str | os.PathLike[str] | ModelProto) -> bool:
    """Whether nothing of an ONNX model is quantized; errors are those of `load_model`."""
    return not is_quantized(load_model(model))


def as_if_quantized(model: str | os.PathLike[str] | ModelProto, chip: Chip) -> ModelProto:
    """A float network preprocessed and quantized with random inputs, the same in every run.

    Raises
    ------
    ModelError
        As `quantize_onnx`.
    """
    return preview(model, chip)[0]


def preview(
    model: str | os.PathLike[str] | ModelProto, chip: Chip
) -> tuple[ModelProto, tuple[LeftFloat, ...]]:
    """The same, and what of it stays float; errors are those of `as_if_quantized`."""
    prepared = preprocess_onnx(model, check=False)
    samples = [_made_up(input_signature(prepared))]
    options = Options("minmax", "minmax", chip.per_channel, int16=(), recover=(), hold_out=0)
    done = quantize(prepared, samples, chip, options)
    plan = done.bench.plan
    left = [
        LeftFloat(node.name, node.op_type, tuple(filter(None, node.output)), plan.why_float(index))
        for index, node in enumerate(plan.graph.nodes)
        if index not in plan.rules
    ]
    return done.write(), tuple(left)


def _made_up(signature: Signature) -> dict[str, Array]:
    """One sample: nothing rests on it."""
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=shape).astype(dtype)
        if np.issubdtype(dtype, np.floating)
        else np.zeros(shape, dtype)
        for name, (shape, dtype) in signature.items()
    }
