"""Checks arrays against the model's inputs and cuts them into samples of batch 1.

Must never change a value; every refusal names the input, and the sample where it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature

Sample = dict[str, Array]


def split(part: dict[str, Any], signature: Signature, where: str) -> Iterator[Sample]:
    """Cut batches into samples of the shapes, with batch 1, and dtypes in `signature`.

    A part has one array (N, ...) per input; of an input without a batch axis, its one value, or N
    of them stacked along a new first axis. Arrays are indexed row by row only, so that one that
    lies in a file is never in memory as a whole.

    Raises
    ------
    DataError
        If an array has another shape or dtype than its input, holds NaN or infinity, or if the
        arrays have different numbers of samples.
    """
    for name, array in part.items():
        check_array(array, name, signature, where)
    batched = [name for name, array in part.items() if has_rows(array, signature[name][0])]
    counts = {name: array.shape[0] for name, array in part.items() if name in batched}
    if len(set(counts.values())) > 1:
        raise different_counts(counts, where)
    for index in range(next(iter(counts.values()), 1)):
        # Copies: the next sample of an iterable may come in the same memory.
        sample = {
            name: np.array(
                array[index : index + 1] if name in batched else array,
                dtype=signature[name][1],
                order="C",
            ).reshape(signature[name][0])
            for name, array in part.items()
        }
        for name, array in sample.items():
            _check_finite(array, f"{where}, input {name!r}, sample {index}")
        yield sample


def check_array(array: Any, name: str, signature: Signature, where: str) -> None:
    """Refuse an array whose data type or shape is not that of its input; see `split`."""
    shape, dtype = signature[name]
    where = f"{where}, input {name!r}"
    if array.dtype != dtype and not (array.dtype == np.float16 and dtype == np.float32):
        # float16, which files are kept small with, is exact in float32.
        raise DataError(
            "wrong data type",
            where=where,
            found=str(array.dtype),
            allowed=str(dtype),
            try_=_dtype_remedy(array.dtype, dtype),
        )
    if _has_batch(shape):
        fits = array.ndim == len(shape) and array.shape[1:] == shape[1:]
        allowed: tuple[object, ...] = ("N", *shape[1:])
    else:
        fits = array.shape == shape or has_rows(array, shape)
        allowed = shape
    if not fits:
        raise DataError(
            "wrong shape",
            where=where,
            found=array.shape,
            allowed="(" + ", ".join(map(str, allowed)) + ")",
            try_=_shape_remedy(array.shape, shape),
        )


def has_rows(array: Any, shape: tuple[int, ...]) -> bool:
    """Whether the first axis of an array counts samples: also of inputs such as sequences."""
    return _has_batch(shape) or array.shape[1:] == shape


def different_counts(counts: Mapping[str, int], where: str) -> DataError:
    """The refusal of inputs that do not have the same number of samples each."""
    return DataError(
        "the inputs have different numbers of samples",
        where=where,
        found=", ".join(f"{count} of {name!r}" for name, count in counts.items()),
        allowed="the same number for each input",
        try_="leave out those without a counterpart; the first of each input belong together, and "
        "so on; files and images are read in the order of their names",
    )


def _has_batch(shape: tuple[int, ...]) -> bool:
    """Whether the first axis of an input is its batch."""
    return bool(shape) and shape[0] == 1


def _dtype_remedy(found: np.dtype[Any], wanted: np.dtype[Any]) -> str:
    if found.kind not in "biuf":
        return "give plain numbers"
    if wanted.kind != "f":
        return f"array.astype(numpy.{wanted}), if its values are such numbers"
    cast = f"array.astype(numpy.{wanted}), scaled as the network was trained"
    if found == np.uint8:
        return (
            f"{cast}: pixels / 255 for most networks, minus a mean and divided by a deviation for "
            "many; a folder of images is scaled so by ImageFolder(path, mean=..., std=...)"
        )
    return cast


def _shape_remedy(found: tuple[int, ...], shape: tuple[int, ...]) -> str:
    if found == shape[1:]:
        return "add the batch axis: array[numpy.newaxis]"
    if len(found) == len(shape):
        if (found[0], found[-1], *found[1:-1]) == (found[0], *shape[1:]):
            return "the channels are last: numpy.moveaxis(array, -1, 1)"
        if (found[0], *found[2:], found[1]) == (found[0], *shape[1:]):
            return "the channels are first: numpy.moveaxis(array, 1, -1)"
        for axis in {1, len(shape) - 1}:
            if found[1:axis] + found[axis + 1 :] == shape[1:axis] + shape[axis + 1 :]:
                return (
                    f"the model takes {shape[axis]} channels or steps along axis {axis}, "
                    f"the data have {found[axis]}"
                )
    return "give the data the layout and size of the model's input"


def _check_finite(array: Array, where: str) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(
            "calibration data are not finite",
            where=where,
            found=f"{int(np.isnan(array).sum())} NaN and {int(np.isinf(array).sum())} infinite",
            allowed="finite numbers",
            try_="look how the data are made; leave such samples out",
        )
