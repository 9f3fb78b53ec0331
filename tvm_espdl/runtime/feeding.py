"""Checks what users feed a network with and brings it into the types that the network takes.

It converts nothing silently but two things: integers of the first tensor's type, which are taken
as already quantized at its exponent, and halves, of which every one is a float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


class Feeder:
    """Checks the inputs of one network; what can be prepared is prepared once.

    Parameters
    ----------
    names, types
        Of the inputs, in order.
    quantized : mapping
        Integer types that an input may be given in as well.
    """

    def __init__(
        self, names: Sequence[str], types: Sequence[Tensor], quantized: Mapping[str, Tensor]
    ) -> None:
        self.names, self.types, self.quantized = names, types, quantized
        self._plain = [(np.dtype(tensor.dtype), tensor.shape) for tensor in types]

    def __call__(self, arrays: Sequence[Any] | Mapping[str, Any]) -> list[Array]:
        """One array for each input, in order, checked.

        Parameters
        ----------
        arrays : sequence or mapping by input name
            NumPy arrays, or what `numpy.asarray` or DLPack understands.

        Raises
        ------
        DataError
            For a missing, unknown or superfluous input, a wrong shape or dtype.
        """
        if type(arrays) is list and len(arrays) == len(self._plain):
            for number, (dtype, shape) in enumerate(self._plain):
                array = arrays[number]
                plain = type(array) is np.ndarray and array.dtype == dtype
                if not (plain and array.shape == shape and array.flags.c_contiguous):
                    break
            else:
                return arrays
        return [
            _converted(_checked(array, name, tensor.shape, tensor, integers), tensor, integers)
            for array, name, tensor, integers in self._given(arrays)
        ]

    def samples(
        self, arrays: Sequence[Any] | Mapping[str, Any], count: int | None = None
    ) -> tuple[list[Array], int]:
        """Many samples of each input, checked, not converted yet; and how many there are.

        They lie along the first axis, which is the input's own where that is 1. There may be any
        number of them where `count` is None.

        Raises
        ------
        DataError
            As above; where inputs have different numbers of samples.
        """
        found, counts = [], {}
        for array, name, tensor, integers in self._given(arrays):
            taken = as_array(array, name)
            rest = sample_shape(tensor)
            number = count if count is not None else len(taken) if taken.ndim else 0
            found.append(_checked(taken, name, (number, *rest), tensor, integers))
            counts[name] = number
        if len({*counts.values()}) > 1:
            raise DataError(
                "the inputs have different numbers of samples",
                found=", ".join(f"{name}: {count}" for name, count in counts.items()),
                allowed="one number along the first axes of all inputs",
            )
        return found, next(iter(counts.values()), 0)

    def converted(self, samples: Sequence[Array], begin: int, end: int) -> list[Array]:
        """Some of `samples`, of the types that the network takes, each contiguous."""
        return [
            _converted(array[begin:end], tensor, self.quantized.get(name))
            for array, name, tensor in zip(samples, self.names, self.types, strict=True)
        ]

    def _given(
        self, arrays: Sequence[Any] | Mapping[str, Any]
    ) -> Iterator[tuple[Any, str, Tensor, Tensor | None]]:
        """For each input what is given, its name, its type and that of its integers."""
        names = self.names
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
        for array, name, tensor in zip(arrays, names, self.types, strict=True):
            yield array, name, tensor, self.quantized.get(name)


def feed(
    arrays: Sequence[Any] | Mapping[str, Any],
    names: Sequence[str],
    types: Sequence[Tensor],
    quantized: Mapping[str, Tensor],
) -> list[Array]:
    """`Feeder` of a network that is fed once."""
    return Feeder(names, types, quantized)(arrays)


def sample_shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of one sample behind the axis of samples: without a first axis of 1."""
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape


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
        if isinstance(value, Iterator):
            raise TypeError("its items are read only once")
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise TypeError("its items are no numbers")
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(
            "the input cannot be read",
            where=f"input {name}",
            found=f"{type(value).__name__}: {error}",
            allowed="an array of numbers in memory of the CPU",
            try_="a NumPy array; of several arrays numpy.stack([*arrays])",
        ) from error
    return array


def _checked(
    given: Any, name: str, shape: tuple[int, ...], tensor: Tensor, integers: Tensor | None
) -> Array:
    array = as_array(given, name)
    if array.shape != shape:
        raise DataError(
            "the input has the wrong shape",
            where=f"input {name}",
            found=array.shape,
            allowed=shape,
            try_="give one sample, with its batch axis of 1"
            if shape == tensor.shape
            else "give all samples along the first axis",
        )
    dtype = str(array.dtype)
    if dtype == tensor.dtype or (integers is not None and dtype == integers.dtype):
        return array
    if dtype in ("float16", "bfloat16") and tensor.dtype == "float32":
        return array
    allowed = tensor.dtype
    if integers is not None:
        allowed = f"{tensor.dtype}, or {integers.dtype} at exponent {integers.exponent}"
    wanted = f"array.astype('{tensor.dtype}')"
    narrow = tensor.dtype in ("int8", "int16") and isinstance(tensor.exponent, int)
    if array.dtype.kind == "f" and narrow:
        # The bare type would make integers of what they stand for: 0 of most images.
        allowed = f"{tensor.dtype} at exponent {tensor.exponent}"
        limits = np.iinfo(tensor.dtype)
        wanted = (
            f"numpy.clip(numpy.round(array * 2.0**{-tensor.uniform_exponent}), {limits.min}, "
            f"{limits.max}).astype('{tensor.dtype}')"
        )
    raise DataError(
        "the input has the wrong dtype",
        where=f"input {name}",
        found=array.dtype,
        allowed=allowed,
        try_=wanted,
    )


def _converted(array: Array, tensor: Tensor, integers: Tensor | None) -> Array:
    """Of the type that the network takes; each half is a float32, and so is each integer."""
    if integers is not None and str(array.dtype) == integers.dtype:
        array = array.astype(np.float32) * power_of_two(integers.uniform_exponent)
    # Keeps arrays of no dimension as they are.
    return np.asarray(array, dtype=tensor.dtype, order="C")
