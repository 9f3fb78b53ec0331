"""Checks what users feed a network with and brings it into the types that the network takes.

It converts nothing silently but two things: integers of the first tensor's type, which are taken
as already quantized at its exponent, and halves, of which every one is a float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from ..ops import Tensor
from ..ops.base.rounding import Array, power_of_two
from ..ops.quantize import Quantize
from ..program import Program, Step


def quantized_inputs(program: Program) -> dict[str, Tensor]:
    """For each float input that is only quantized, the type of the integers it becomes."""
    readers: dict[str, list[Step]] = {name: [] for name in program.inputs}
    for step in program.steps:
        for name in step.inputs:
            if name in readers:
                readers[name].append(step)
    return {
        name: steps[0].operator.y
        for name, steps in readers.items()
        if len(steps) == 1 and isinstance(steps[0].operator, Quantize)
    }


def feed(
    arrays: Sequence[Any] | Mapping[str, Any],
    names: Sequence[str],
    types: Sequence[Tensor],
    quantized: Mapping[str, Tensor],
) -> list[Array]:
    """One array for each input, in order, checked.

    Parameters
    ----------
    arrays : sequence or mapping by input name
        NumPy arrays, or what `numpy.asarray` or DLPack understands.
    names, types
        Of the inputs, in order.
    quantized : mapping
        Integer types that an input may be given in as well.

    Raises
    ------
    DataError
        For a missing, unknown or superfluous input, a wrong shape or dtype.
    """
    if isinstance(arrays, Mapping):
        unknown = [name for name in arrays if name not in names]
        missing = [name for name in names if name not in arrays]
        if unknown or missing:
            raise DataError(
                "the inputs do not fit the network",
                found=", ".join(map(str, arrays)) or "none",
                allowed=", ".join(names),
            )
        arrays = [arrays[name] for name in names]
    if len(arrays) != len(names):
        raise DataError(
            "the number of inputs is wrong", found=len(arrays), allowed=f"{len(names)}: {names}"
        )
    return [
        _checked(as_array(array, name), name, tensor, quantized.get(name))
        for array, name, tensor in zip(arrays, names, types, strict=True)
    ]


def as_array(value: Any, name: str) -> Array:
    """What a user gives for an input, as an array.

    Raises
    ------
    DataError
        If it lies on another device, or cannot be read for another reason.
    """
    try:
        if hasattr(value, "numpy"):
            value = value.numpy()
        elif hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            value = np.from_dlpack(value)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(
            "the input cannot be read",
            where=f"input {name}",
            found=f"{type(value).__name__}: {error}",
            allowed="memory of the CPU",
            try_="a NumPy array",
        ) from error
    return np.asarray(value)


def _checked(array: Array, name: str, tensor: Tensor, integers: Tensor | None) -> Array:
    allowed = tensor.dtype
    if integers is not None:
        allowed = f"{tensor.dtype}, or {integers.dtype} at exponent {integers.exponent}"
    if array.shape != tensor.shape:
        raise DataError(
            "the input has the wrong shape",
            where=f"input {name}",
            found=array.shape,
            allowed=tensor.shape,
            try_="give one sample, with its batch axis of 1",
        )
    if integers is not None and str(array.dtype) == integers.dtype:
        real = array.astype(np.float32) * power_of_two(integers.uniform_exponent)
        return np.asarray(real, order="C")
    if str(array.dtype) in ("float16", "bfloat16") and tensor.dtype == "float32":
        return np.asarray(array, dtype=np.float32, order="C")  # each half is a float32
    if str(array.dtype) != tensor.dtype:
        raise DataError(
            "the input has the wrong dtype",
            where=f"input {name}",
            found=array.dtype,
            allowed=allowed,
            try_=f"array.astype('{tensor.dtype}')",
        )
    return np.asarray(array, order="C")  # keeps arrays of no dimension as they are
