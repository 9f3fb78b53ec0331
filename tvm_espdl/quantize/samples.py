"""Turns what a user gives as calibration data into a stream of checked samples of batch 1.

Must never cast, reshape or scale data silently: what does not fit is refused with its remedy.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..onnx_model import Signature
from .graph import Array

Sample = dict[str, Array]
Calibration = (
    Array | Mapping[str, Array] | str | os.PathLike[str] | Iterable[Array | Mapping[str, Array]]
)


def read_samples(calibration: Calibration, signature: Signature) -> Iterator[Sample]:
    """Stream calibration data, one checked sample at a time.

    Parameters
    ----------
    calibration : array, dict, path or iterable
        An array (N, ...) for a model with one input; {input: array (N, ...)}; the path of an .npy
        or .npz file with the same content (the name of a single array in it does not matter); or
        an iterable of such arrays or dicts, each a sample with or without its batch axis.
    signature : dict
        What `onnx_model.input_signature` returned, with batch 1.

    Yields
    ------
    dict of str to array
        One array per input, of exactly the shape and dtype in `signature`.

    Raises
    ------
    DataError
        If an input is missing, or data have another shape or dtype, are empty, or hold NaN or
        infinity; also if the file cannot be read.
    """
    count = 0
    for part, where in _parts(calibration, signature):
        for sample in _split(part, signature, where):
            count += 1
            yield sample
    if count == 0:
        raise DataError(
            "there is no calibration sample",
            where="calibration",
            found="0 samples",
            allowed="1 sample or more; 32 to 200 typical ones give good exponents",
            try_="pass an array of shape (N, ...) with real inputs of the network",
        )


def _parts(calibration: Any, signature: Signature) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(calibration, (str, os.PathLike)):
        yield _from_file(Path(calibration), signature), f"calibration file {calibration}"
    elif isinstance(calibration, Mapping) or _is_array(calibration):
        yield _named(calibration, signature, "calibration"), "calibration"
    elif isinstance(calibration, Iterable):
        for number, item in enumerate(calibration):
            where = f"calibration sample {number}"
            part = _named(item, signature, where)
            yield (
                {name: _with_batch(array, signature[name][0]) for name, array in part.items()},
                where,
            )
    else:
        raise _unknown_kind(calibration, "calibration")


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "__array__")


def _unknown_kind(value: object, where: str) -> DataError:
    return DataError(
        "calibration data of an unknown kind",
        where=where,
        found=type(value).__name__,
        allowed="a NumPy array, {input name: array}, the path of an .npy or .npz file, or an "
        "iterable of arrays or dicts",
        try_="numpy.asarray(data, dtype=numpy.float32); of pairs (image, label), the image only",
    )


def _named(value: Any, signature: Signature, where: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        unknown = sorted(str(name) for name in value if name not in signature)
        if unknown:
            raise DataError(
                "the model has no such input",
                where=where,
                found=", ".join(map(repr, unknown)),
                allowed=", ".join(map(repr, signature)),
                try_="name the arrays as the model's inputs",
            )
        _require_all(value, signature, where)
        return {name: _as_array(value[name], f"{where}, input {name!r}") for name in signature}
    if not _is_array(value):
        raise _unknown_kind(value, where)
    if len(signature) != 1:
        raise DataError(
            "one array for a model with several inputs",
            where=where,
            found="an array",
            allowed="{" + ", ".join(f"{name!r}: array" for name in signature) + "}",
            try_="pass a dict with one array per input",
        )
    return {next(iter(signature)): _as_array(value, where)}


def _as_array(value: Any, where: str) -> Array:
    if not _is_array(value):
        raise _unknown_kind(value, where)
    return np.asarray(value)


def _require_all(names: Iterable[str], signature: Signature, where: str) -> None:
    missing = [name for name in signature if name not in set(names)]
    if missing:
        raise DataError(
            "data for an input are missing",
            where=where,
            found=", ".join(map(repr, names)) or "nothing",
            allowed=", ".join(map(repr, signature)),
            try_=f"add an array for {', '.join(map(repr, missing))}",
        )


def _from_file(path: Path, signature: Signature) -> dict[str, Any]:
    where = f"calibration file {path}"
    if not path.is_file():
        raise DataError(
            "there is no such calibration file",
            where=str(path),
            found="a folder" if path.is_dir() else "nothing",
            allowed="an .npy or .npz file",
            try_="check the path; relative paths start at the current folder",
        )
    try:
        opened = _open(path, signature)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as problem:
        raise DataError(
            "the calibration file cannot be read",
            where=str(path),
            found=str(problem).splitlines()[0] if str(problem) else type(problem).__name__,
            allowed="an .npy or .npz file of plain numbers",
            try_="write it with numpy.save(path, array)",
        ) from problem
    if isinstance(opened, np.ndarray):
        return _named(opened, signature, where)
    if len(opened) == len(signature) == 1:
        return {next(iter(signature)): next(iter(opened.values()))}
    _require_all(opened, signature, where)
    return opened


def _open(path: Path, signature: Signature) -> Array | dict[str, Array]:
    if not zipfile.is_zipfile(path):
        # Mapped, an .npy file of any size costs only the samples in use.
        return np.lib.format.open_memmap(path, mode="r")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = list(archive.files)
        if len(names) > 1:
            # There may be labels and the like besides; what no input is called after is not read.
            names = [name for name in names if name in signature] or names
        return {name: archive[name] for name in names}


def _with_batch(array: Array, shape: tuple[int, ...]) -> Array:
    return array[np.newaxis] if array.shape == shape[1:] else array


def _split(part: dict[str, Array], signature: Signature, where: str) -> Iterator[Sample]:
    for name, array in part.items():
        _check(array, name, signature, where)
    counts = {name: len(array) if array.ndim else 1 for name, array in part.items()}
    scalar_like = {name for name, (shape, _) in signature.items() if not _has_batch(shape)}
    counts = {name: count for name, count in counts.items() if name not in scalar_like}
    if len(set(counts.values())) > 1:
        raise DataError(
            "the inputs have different numbers of samples",
            where=where,
            found=counts,
            allowed="the same number for each input",
            try_="cut the longer arrays",
        )
    for index in range(next(iter(counts.values()), 1)):
        sample = {
            name: np.ascontiguousarray(
                array if name in scalar_like else array[index : index + 1]
            ).reshape(signature[name][0])
            for name, array in part.items()
        }
        for name, array in sample.items():
            _check_finite(array, f"{where}, input {name!r}, sample {index}")
        yield sample


def _has_batch(shape: tuple[int, ...]) -> bool:
    return bool(shape) and shape[0] == 1


def _check(array: Array, name: str, signature: Signature, where: str) -> None:
    shape, dtype = signature[name]
    where = f"{where}, input {name!r}"
    if array.dtype != dtype:
        raise DataError(
            "wrong data type",
            where=where,
            found=str(array.dtype),
            allowed=str(dtype),
            try_=f"array.astype(numpy.{dtype}), scaled as the network was trained",
        )
    expected = shape[1:] if _has_batch(shape) else shape
    found = array.shape[1:] if _has_batch(shape) else array.shape
    if found != expected or array.ndim != len(shape):
        allowed = ("N", *shape[1:]) if _has_batch(shape) else shape
        raise DataError(
            "wrong shape",
            where=where,
            found=array.shape,
            allowed="(" + ", ".join(map(str, allowed)) + ")",
            try_="add the batch axis: array[numpy.newaxis]"
            if array.shape == expected
            else "give the data the layout of the model's input",
        )


def _check_finite(array: Array, where: str) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(
            "calibration data are not finite",
            where=where,
            found=f"{int(np.isnan(array).sum())} NaN and {int(np.isinf(array).sum())} infinite",
            allowed="finite numbers",
            try_="look how the data are made; leave such samples out",
        )
