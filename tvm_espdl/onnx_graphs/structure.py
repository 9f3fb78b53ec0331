"""Looks at a network before anything is computed from it: types, sizes, constants.

ONNX's own checker looks at none of them; what it lets pass would end in a crash far from its cause,
or in an allocation that no memory holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Message  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from ..errors import ModelError

#: Elements of the largest tensor: a hundred times what the memory of any of the chips holds.
MOST_ELEMENTS = 1 << 28
#: Rounds of a loop that nothing but its count ends.
MOST_ROUNDS = 1 << 20

#: More dimensions than any tensor has.
MOST_AXES = 1 << 15

_AXES = ("axis", "axes", "perm", "batch_axis", "time_axis")
_TYPES = frozenset(TensorProto.DataType.values()) - {TensorProto.UNDEFINED}
#: Which inputs are scales or limits.
_NUMBERS = {"QuantizeLinear": (1,), "DequantizeLinear": (1,), "Clip": (1, 2)}


def check_structure(model: ModelProto) -> None:
    """Refuse what no exporter writes, and what is far too large for any chip.

    Raises
    ------
    ModelError
        If a name is no text, a type is unknown, a constant's bytes do not fit its shape, a scale is
        no positive number, a limit is NaN, an axis is none, a loop never ends, or a tensor is
        larger than `MOST_ELEMENTS`.
    """
    _check_texts(model)
    for value in model.graph.input:
        if value.type.HasField("tensor_type"):
            _check_type(value.type.tensor_type.elem_type, f"input {value.name!r}")
    for graph in _graphs(model.graph):
        constants = {tensor.name: tensor for tensor in graph.initializer}
        for tensor in constants.values():
            _check_constant(tensor, f"constant {tensor.name!r}")
        for node in graph.node:
            for given in node.attribute:
                if given.type == AttributeProto.TENSOR:
                    _check_constant(given.t, f"node {node.name or node.op_type!r}")
                if given.name in _AXES:
                    _check_axes(node, (given.i, *given.ints))
            _check_numbers(node, constants)
            if node.op_type == "Loop":
                _check_loop(node, constants)
    _check_sizes(model)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for given in node.attribute:
            for body in (*([given.g] if given.HasField("g") else []), *given.graphs):
                yield from _graphs(body)


def _check_texts(message: Any) -> None:
    """Protobuf gives a name that is no text as bytes, and raises where it is shown or assigned."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_MESSAGE, field.TYPE_STRING):
            continue
        for part in [value] if isinstance(value, (str, bytes, Message)) else value:
            if isinstance(part, bytes):
                raise ModelError(
                    "a name is no text",
                    where="the model",
                    found=repr(part),
                    allowed="names in UTF-8",
                    try_="export the network again, or look whether the download was complete",
                )
            if isinstance(part, Message):
                _check_texts(part)


def _check_type(kind: int, where: str) -> None:
    if kind not in _TYPES:
        raise ModelError(
            "the tensor has no type that ONNX knows",
            where=where,
            found=f"data type {kind}",
            allowed="types of onnx.TensorProto.DataType",
            try_="export the network again, with a current exporter",
        )


def _check_constant(tensor: TensorProto, where: str) -> None:
    _check_type(tensor.data_type, where)
    elements = math.prod(tensor.dims)
    if min(tensor.dims, default=0) < 0 or elements > MOST_ELEMENTS:
        raise _too_large(where, tuple(tensor.dims))
    try:
        found = numpy_helper.to_array(tensor).size
    except (ValueError, TypeError, OSError) as problem:
        raise _unfit(where, tensor, str(problem).splitlines()[0]) from problem
    if found != elements:
        raise _unfit(where, tensor, f"{found} elements")


def _unfit(where: str, tensor: TensorProto, found: str) -> ModelError:
    return ModelError(
        "the bytes of the constant do not fit its shape",
        where=where,
        found=found,
        allowed=f"shape {tuple(tensor.dims)}",
        try_="export the network again, or look whether the download was complete",
    )


def _check_numbers(node: NodeProto, constants: dict[str, TensorProto]) -> None:
    """Scales are positive numbers, and limits are numbers at all."""
    for place in _NUMBERS.get(node.op_type, ()):
        tensor = constants.get(node.input[place]) if len(node.input) > place else None
        if tensor is None:
            continue
        values = numpy_helper.to_array(tensor)
        words = values.dtype.kind == "O"
        values = np.full(values.shape, np.nan) if words else values.astype(np.float64)
        scaled = node.op_type != "Clip"
        good = (np.isfinite(values) & (values > 0)) if scaled else ~np.isnan(values)
        if not good.all():
            raise ModelError(
                "a scale is no positive number" if scaled else "a limit is no number",
                where=f"node {node.name or node.op_type!r}, constant {tensor.name!r}",
                found=values[~good].flat[0],
                allowed="positive numbers" if scaled else "numbers",
            )


def _check_axes(node: NodeProto, axes: tuple[int, ...]) -> None:
    """No tensor has such an axis; whoever counts in 32 bits would take it for another one."""
    beyond = [axis for axis in axes if not -MOST_AXES <= axis <= MOST_AXES]
    if beyond:
        raise ModelError(
            "there is no such axis",
            where=f"node {node.name or node.op_type!r}",
            found=beyond[0],
            allowed="axes of its input",
        )


def _check_loop(node: NodeProto, constants: dict[str, TensorProto]) -> None:
    bodies = [given.g for given in node.attribute if given.name == "body"]
    if not bodies or not node.input:
        return  # no loop at all, as ONNX's checker says
    body, count = bodies[0], constants.get(node.input[0])
    rounds = int(numpy_helper.to_array(count).flat[0]) if count is not None else 0
    going = body.output[0].name if body.output else ""
    makers = {name: maker for maker in body.node for name in maker.output}
    while going in makers and makers[going].op_type == "Identity":
        going = makers[going].input[0]
    maker = makers.get(going)
    # Whatever the body computes may end it.
    endless = maker is None or maker.op_type == "Constant"
    if rounds > MOST_ROUNDS and endless:
        raise ModelError(
            "the loop does not end in any useful time",
            where=f"node {node.name or node.op_type!r}",
            found=f"{rounds:,} rounds",
            allowed=f"{MOST_ROUNDS:,}",
        )


def _check_sizes(model: ModelProto) -> None:
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, ValueError):
        graph = model.graph  # whoever needs the shapes says what is wrong with them
    for value in (*graph.input, *graph.value_info, *graph.output):
        shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        if math.prod(shape) > MOST_ELEMENTS:
            raise _too_large(f"tensor {value.name!r}", tuple(shape))


def _too_large(where: str, shape: tuple[int, ...]) -> ModelError:
    return ModelError(
        "the tensor is far too large for any chip",
        where=where,
        found=f"shape {shape}",
        allowed=f"{MOST_ELEMENTS:,} elements",
        try_="a smaller input shape: tvm-espdl preprocess --input_shape",
    )
