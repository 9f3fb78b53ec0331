"""Reads options about the inputs of a network: shapes of dynamic ones, ranges of real data.

Must never change a dimension that the network itself fixes, nor the model it is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto

from ..errors import ModelError
from ..onnx_graphs.model import Signature
from .check import Ranges


def fix_input_shapes(model: ModelProto, shapes: Mapping[str, Sequence[int]]) -> ModelProto:
    """Return a copy of `model` whose inputs have the given whole shapes, batch included.

    Raises
    ------
    ModelError
        If there is no such input, or the shape contradicts what the network fixes.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    inputs = {value.name: value for value in fixed.graph.input}
    for name, shape in shapes.items():
        _check_name(name, list(inputs), "input_shape", str)
        whole = isinstance(shape, Iterable) and not isinstance(shape, str)
        _fix(inputs[name], tuple(shape) if whole else (shape,))
    return fixed


def shapes_by_name(
    model: ModelProto, shapes: Mapping[str, Sequence[int]] | Sequence[int]
) -> Mapping[str, Sequence[int]]:
    """Shapes by the names of inputs; one that comes alone is that of the only input.

    Raises
    ------
    ModelError
        If there is not one input, and a shape without a name.
    """
    if isinstance(shapes, Mapping):
        return shapes
    constants = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in constants]
    if shapes and len(names) != 1:
        raise ModelError(
            "a shape without a name, and not one input",
            where="option input_shape",
            found=f"inputs {', '.join(map(repr, names)) or 'none'}",
            allowed="a shape alone where there is one input",
            try_="NAME:1,3,96,96 for each; {name: shape} in Python",
        )
    return {names[0]: shapes} if shapes else {}


def fix_input_values(model: ModelProto, values: Mapping[str, Any]) -> ModelProto:
    """Return a copy of `model` in which inputs are constants, so that a user gives them no more.

    Raises
    ------
    ModelError
        If there is no such input, or its type or shape does not hold the value.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for name, given in values.items():
        inputs = {value.name: value for value in fixed.graph.input}
        _check_name(name, list(inputs), "input_value", str)
        fixed.graph.initializer.append(_constant(inputs[name], given))
        fixed.graph.input.remove(inputs[name])
    return fixed


def _constant(value: onnx.ValueInfoProto, given: Any) -> onnx.TensorProto:
    tensor = value.type.tensor_type
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    extents = [d.dim_value if d.HasField("dim_value") else 1 for d in tensor.shape.dim]
    numbers = np.asarray(given)
    whole = numbers.astype(dtype) if numbers.dtype.kind in "iufb" else np.empty(0)
    if whole.size not in (1, np.prod(extents)) or not (whole == numbers).all():
        raise ModelError(
            "the value does not fit the input",
            where=f"option input_value, input {value.name!r}",
            found=given,
            allowed=f"one number, or {int(np.prod(extents))}, of type {dtype}",
        )
    filled = np.broadcast_to(whole.ravel(), (int(np.prod(extents)),))
    return onnx.numpy_helper.from_array(filled.reshape(extents), value.name)


def _fix(value: onnx.ValueInfoProto, shape: tuple[Any, ...]) -> None:
    dimensions = value.type.tensor_type.shape.dim
    stated = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in dimensions]
    fits = len(shape) == len(stated) and all(
        isinstance(wanted, (int, np.integer))
        and wanted > 0
        and (not isinstance(own, int) or own <= 0 or own == wanted)
        for wanted, own in zip(shape, stated, strict=True)
    )
    if not fits:
        raise ModelError(
            "the shape does not fit the input",
            where=f"option input_shape, input {value.name!r}",
            found=shape,
            allowed=f"positive dimensions that fit {stated}",
            try_="change the dynamic dimensions only; the others are part of the network",
        )
    for dimension, wanted in zip(dimensions, shape, strict=True):
        dimension.dim_value = int(wanted)


def check_ranges(ranges: Ranges, signature: Signature) -> None:
    """Refuse ranges of inputs that the network lacks, and what are no ranges.

    Raises
    ------
    ModelError
        If there is no such input, or its range is not two finite numbers, the smaller one first.
    """
    for name, ends in ranges.items():
        _check_name(name, list(signature), "ranges", repr)
        if not _is_range(ends):
            raise ModelError(
                "the range of the input is none",
                where=f"option ranges, input {name!r}",
                found=repr(ends),
                allowed="two finite numbers, the smaller one first",
                try_="(low, high) of real data",
            )


def _is_range(ends: object) -> bool:
    values = list(ends) if isinstance(ends, Iterable) else []
    if len(values) != 2 or not all(isinstance(v, (int, float, np.number)) for v in values):
        return False
    return bool(np.isfinite(values).all() and values[0] <= values[1])


def _check_name(name: str, known: list[str], option: str, shown: Callable[[str], str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        raise ModelError(
            "the model has no such input",
            where=f"option {option}",
            found=repr(name),
            allowed=", ".join(map(repr, known)),
            try_=shown((near or known)[0]),
        )
