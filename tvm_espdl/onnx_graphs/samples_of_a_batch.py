"""Whether the first axis of a network's inputs is a batch of samples that know nothing of another.

A state `(2, 1, size)`, an image without batch axis and frames that are averaged have a first axis
above 1, too. Must never change the model.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto

from ..errors import ModelError
from .graph import STANDARD, Array, Graph, attribute
from .model import fix_batch, input_signature
from .session import open_session, run_session

_SEED = 20260402

#: What takes one image, signal or sequence at a time on the chips, on its input's first axis.
_ONE_AT_A_TIME = {
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"),
    *("Resize", "BatchNormalization", "InstanceNormalization"),
}

_RECURRENT = ("GRU", "LSTM", "RNN")

_CLOSE = {"rtol": 1e-3, "atol": 1e-5}


def batch_above_one(model: ModelProto) -> int:
    """How many samples a network of static shapes takes at once; 1 where it is no such network.

    It is one if all inputs and outputs begin with the same number, something takes one image or
    signal of them at a time, and onnxruntime gets the same results sample by sample.
    """
    graph = Graph(model)
    shapes = [graph.shape(name) for name in (*graph.inputs, *graph.outputs)]
    first = {shape[0] if shape else 1 for shape in shapes}
    count = first.pop() if len(first) == 1 else 1
    if count < 2 or not any(_takes_one(node, count, graph) for node in graph.nodes):
        return 1
    try:
        same = _same_one_by_one(model, count)
    except ModelError:  # it does not fit one sample, or onnxruntime cannot run it
        return 1
    return count if same else 1


def batch_of(model: ModelProto) -> int:
    """`batch_above_one` of a network of any shapes; 1 where they are unknown."""
    try:
        return batch_above_one(fix_batch(model))
    except ModelError:  # whoever takes the network says what is wrong with it
        return 1


def _takes_one(node: onnx.NodeProto, count: int, graph: Graph) -> bool:
    if node.op_type not in (*_ONE_AT_A_TIME, *_RECURRENT) or node.domain not in STANDARD:
        return False
    shape = graph.shape(node.input[0])
    time_first = node.op_type in _RECURRENT and not attribute(node, "layout", 0)
    return shape is not None and shape[int(time_first)] == count


def with_batch_of_one(model: ModelProto) -> ModelProto:
    """A copy of a network of static shapes for one of the samples that it takes at once.

    Raises
    ------
    ModelError
        If it has shapes that fit no single sample.
    """
    one = onnx.ModelProto()
    one.CopyFrom(model)
    constants = {tensor.name for tensor in one.graph.initializer}
    del one.graph.value_info[:]
    for value in (*one.graph.input, *one.graph.output):
        if value.name not in constants:
            value.type.tensor_type.shape.dim[0].dim_value = 1
    try:
        return onnx.shape_inference.infer_shapes(one, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as problem:
        raise ModelError("the network fits no single sample", found=str(problem)) from problem


def with_batch(model: ModelProto, count: int) -> ModelProto:
    """The network of one sample as one that takes `count` of them at once; the other way round.

    Where a shape inside fits one sample only, it stays the network of one.
    """
    if count == 1:
        return model
    several = onnx.ModelProto()
    several.CopyFrom(model)
    constants = {tensor.name for tensor in several.graph.initializer}
    del several.graph.value_info[:]
    for value in (*several.graph.input, *several.graph.output):
        if value.name not in constants:
            value.type.tensor_type.shape.dim[0].dim_value = count
    try:
        several = onnx.shape_inference.infer_shapes(several, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError:
        return model
    return several if batch_above_one(several) == count else model


def _same_one_by_one(model: ModelProto, count: int) -> bool:
    one = with_batch_of_one(model)
    inputs = drawn_inputs(model)
    whole, single = open_session(model, "the network"), open_session(one, "one sample")
    expected = run_session(whole, None, inputs, "the network")
    parts = []
    for place in range(count):
        sample = {name: array[place : place + 1] for name, array in inputs.items()}
        parts.append(run_session(single, None, sample, "one sample"))
    found = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    return all(
        a.shape == b.shape and np.allclose(a, b, equal_nan=True, **_CLOSE)
        for a, b in zip(found, expected, strict=True)
    )


def drawn_inputs(model: ModelProto) -> dict[str, Array]:
    """The same random inputs in every run: floats normally distributed, integers 0 or 1."""
    rng = np.random.default_rng(_SEED)
    return {
        name: rng.normal(size=shape).astype(dtype)
        if dtype.kind == "f"
        else rng.integers(0, 2, size=shape).astype(dtype)
        for name, (shape, dtype) in input_signature(model).items()
    }
