"""Weights that are integers in the file only, of networks that compute on floats, as floats.

Must never touch a network in which anything else than constants is quantized.
"""

from __future__ import annotations

import onnx
from onnx import ModelProto, numpy_helper

from .constant_nodes import computed, constants_to_initializers
from .graph import STANDARD
from .qlinear.forms import is_integer_operator
from .qlinear.quantizer import is_dequantize, is_quantize
from .rewriting import replace_nodes


def float_weights(model: ModelProto) -> ModelProto:
    """Return `model` with its dequantized constants as floats; itself where data are quantized."""
    if not any(is_dequantize(node) for node in model.graph.node):
        return model
    floats = onnx.ModelProto()
    floats.CopyFrom(model)
    constants_to_initializers(floats)
    constants = {tensor.name: tensor for tensor in floats.graph.initializer}
    outputs = {value.name for value in floats.graph.output}
    kept, known = [], []
    for node in floats.graph.node:
        if is_quantize(node) or is_integer_operator(node):
            return model
        if not is_dequantize(node):
            kept.append(node)
            continue
        names = [name for name in node.input if name]
        is_known = all(name in constants for name in names) and node.output[0] not in outputs
        if not is_known or node.domain not in STANDARD:
            return model
        (value,) = computed(node, floats, [constants[name] for name in dict.fromkeys(names)])
        known.append(numpy_helper.from_array(value, node.output[0]))
    replace_nodes(floats, kept)
    floats.graph.initializer.extend(known)
    return floats
