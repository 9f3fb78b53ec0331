"""Fixes dynamic input dimensions of a network to those that a user states.

Must never change a dimension that the network itself fixes, nor the model it is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto

from ..errors import ModelError


def fix_input_shapes(model: ModelProto, shapes: Mapping[str, Sequence[int]]) -> ModelProto:
    """Return a copy of `model` whose inputs have the given shapes.

    Parameters
    ----------
    model : ModelProto
        The network; left as it is.
    shapes : dict of str to sequence of int
        The whole shape of each input named, batch included.

    Raises
    ------
    ModelError
        If there is no such input, or the shape contradicts what the network fixes.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    inputs = {value.name: value for value in fixed.graph.input}
    for name, shape in shapes.items():
        if name not in inputs:
            near = difflib.get_close_matches(name, inputs, n=3)
            raise ModelError(
                "the model has no such input",
                where="option input_shape",
                found=repr(name),
                allowed=", ".join(map(repr, inputs)),
                try_=" or ".join(near or inputs),
            )
        whole = isinstance(shape, Iterable) and not isinstance(shape, str)
        _fix(inputs[name], tuple(shape) if whole else (shape,))
    return fixed


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
