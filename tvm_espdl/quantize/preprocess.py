"""Brings a float network to the form that quantization expects: batch 1, static, layers folded.

Must never change the model it is given, nor what the network computes beyond float rounding.
"""

from __future__ import annotations

import os

import onnx
from onnx import ModelProto, version_converter

from ..errors import ModelError
from ..onnx_model import fix_batch, load_model
from .rewrite_constants import (
    constants_to_initializers,
    fold_constants,
    name_nodes,
    remove_unused,
)
from .rewrite_layers import (
    batch_normalization_to_conv,
    constants_second,
    fold_channel_arithmetic,
    matmul_add_to_gemm,
    normalize_gemm,
    remove_identities,
)

#: The first ONNX operator set in which QuantizeLinear and DequantizeLinear know an axis.
LOWEST_OPSET = 13

_QUANTIZED = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}


def preprocess_onnx(model: str | os.PathLike[str] | ModelProto) -> ModelProto:
    """Prepare a float network for quantization.

    Fixes the batch to 1, raises the operator set to 13 where it is lower, computes constant
    sub-graphs, removes Identity and Dropout, folds BatchNormalization and per-channel constants
    into the layer before, and writes matrix products with a bias as Gemm. onnxruntime's own
    optimizer is not used: it would take HardSwish apart and wrap each product in Reshape nodes.

    Parameters
    ----------
    model : path or ModelProto
        A float network; left as it is.

    Returns
    -------
    ModelProto
        A new network with the same inputs and outputs, every tensor's shape inferred and every
        node named.

    Raises
    ------
    ModelError
        If the model cannot be read, has other dynamic dimensions than the batch, or is quantized.
    """
    loaded = load_model(model)
    _refuse_quantized(loaded)
    prepared = _raise_opset(fix_batch(loaded))
    name_nodes(prepared)
    constants_to_initializers(prepared)
    remove_identities(prepared)
    prepared = _infer(prepared)
    fold_constants(prepared)
    prepared = _infer(prepared)
    fold_constants(prepared)  # shapes that became known may make further nodes constant
    constants_second(prepared)
    matmul_add_to_gemm(prepared)
    normalize_gemm(prepared)
    fold_channel_arithmetic(prepared)
    batch_normalization_to_conv(prepared)
    remove_unused(prepared)
    # From IR version 4 on, initializers need not be listed among the inputs; 7 is operator set 13.
    prepared.ir_version = max(prepared.ir_version, 7)
    return _infer(prepared)


def _refuse_quantized(model: ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type in _QUANTIZED or node.op_type.startswith("QLinear"):
            raise ModelError(
                "the model is quantized already",
                where=f"node {node.name or node.output[0]!r}",
                found=node.op_type,
                allowed="a float model",
                try_="give the float model it was made from",
            )


def _raise_opset(model: ModelProto) -> ModelProto:
    version = next((entry.version for entry in model.opset_import if entry.domain in _STANDARD), 0)
    if version >= LOWEST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, LOWEST_OPSET)
    except (version_converter.ConvertError, RuntimeError) as problem:
        raise ModelError(
            f"the model cannot be converted to ONNX operator set {LOWEST_OPSET}",
            where="operator set",
            found=f"operator set {version}: {' '.join(str(problem).split())}",
            allowed=f"operator set {LOWEST_OPSET} or above",
            try_=f"export the model again with opset_version={LOWEST_OPSET}",
        ) from problem


_STANDARD = ("", "ai.onnx")


def _infer(model: ModelProto) -> ModelProto:
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model, data_prop=True)
