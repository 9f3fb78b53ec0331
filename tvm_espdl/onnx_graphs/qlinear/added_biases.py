"""Biases that the old flow's quantizer wrote as an int8 Add behind QLinearConv.

The Add becomes the convolution's int32 bias, at the scale of its products. In between, the old
flow limited the convolution to 8 bits; where that may have changed a result, it is said.
"""

from __future__ import annotations

import warnings

import numpy as np
from onnx import ModelProto, NodeProto, numpy_helper

from ...errors import EspdlWarning
from ..graph import STANDARD, Array, input_of
from ..rewriting import replace_nodes
from .names import Names

X_SCALE, X_ZERO, W, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS = 1, 2, 3, 4, 5, 6, 7, 8


def fold_added_biases(model: ModelProto) -> None:
    """Fold int8 Add nodes of one constant per channel into the QLinearConv before each, in place.

    Only where the bias is a whole number of products' steps, as scales of powers of two give it,
    and nothing else reads the convolution; other Adds stay.

    Warns
    -----
    EspdlWarning
        Where the convolution alone may leave 8 bits, which the old flow cut off before it added
        the bias: how many channels, and by how much results may differ.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    outputs = {value.name for value in model.graph.output}
    readers: dict[str, int] = {}
    for node in model.graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    names, folded = Names(model), []
    for add in model.graph.node:
        if add.op_type != "Add" or add.domain not in STANDARD:
            continue
        for result, bias in (add.input, reversed(add.input)):
            conv = makers.get(result)
            alone = readers.get(result) == 1 and result not in outputs
            if conv is None or conv.op_type != "QLinearConv" or bias not in constants or not alone:
                continue
            if _fold(conv, constants[bias], constants, names):
                conv.output[0] = add.output[0]
                folded.append(add)
            break
    if folded:
        replace_nodes(model, [node for node in model.graph.node if node not in folded])


def _fold(conv: NodeProto, bias: Array, constants: dict[str, Array], names: Names) -> bool:
    """Give `conv` the bias, where it is one; whether it was."""
    w = constants.get(conv.input[W])
    found = [constants.get(conv.input[place]) for place in (X_SCALE, W_SCALE, Y_SCALE)]
    if w is None or any(scale is None for scale in found) or bias.dtype != np.int8:
        return False
    scales = [np.asarray(scale, np.float64).ravel() for scale in found]
    zeros = [constants.get(conv.input[place]) for place in (X_ZERO, W_ZERO, Y_ZERO)]
    if any(zero is None or zero.dtype != np.int8 or zero.any() for zero in zeros):
        return False
    channels = len(w)
    wide = (1,) * (w.ndim - bias.ndim) + bias.shape
    if bias.ndim > w.ndim or any(n != 1 for axis, n in enumerate(wide) if axis != 1):
        return False
    if bias.size not in (1, channels):
        return False
    steps = np.broadcast_to(scales[2] / (scales[0] * scales[1]), (channels,))
    added = np.broadcast_to(bias.ravel().astype(np.float64), (channels,))
    given = input_of(conv, BIAS)
    own = constants[given].astype(np.float64) if given in constants else np.zeros(channels)
    total = own + added * steps
    if (given and given not in constants) or (total % 1).any() or np.abs(total).max() >= 2**31:
        return False
    _warn(conv, w, own, steps, added)
    del conv.input[BIAS:]
    conv.input.append(names.constant(f"{conv.output[0]}_bias", total.astype(np.int32)))
    return True


def _warn(conv: NodeProto, w: Array, own: Array, steps: Array, added: Array) -> None:
    """Tell where the limit that the old flow has in between may have changed a result."""
    rows = w.reshape(len(w), -1).astype(np.float64)
    highest = (np.where(rows > 0, rows * 127, rows * -128).sum(axis=1) + own) / steps
    lowest = (np.where(rows > 0, rows * -128, rows * 127).sum(axis=1) + own) / steps
    lost = ((highest > 127) & (added < 0)) | ((lowest < -128) & (added > 0))
    if lost.any():
        warnings.warn(
            f"the int8 Add of a bias behind {conv.name or conv.output[0]!r} is folded into the "
            f"convolution: the old flow limited the convolution to 8 bits before, so that in "
            f"{int(lost.sum())} of {len(lost)} channels results may differ from its own by at "
            f"most {int(np.abs(added[lost]).max())} steps, where the sum without the bias leaves "
            "8 bits",
            EspdlWarning,
            stacklevel=2,
        )
