"""Gives the arrays of a user the names of the model's inputs.

Must never look at shapes or values beyond the batch axis; `checks` does that.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature

#: Arrays by input, each with its batch axis first, and where they come from.
Part = tuple[dict[str, Any], str]


def is_array(value: object) -> bool:
    """Whether NumPy can read `value` as an array, as it can tensors of other frameworks."""
    return isinstance(value, np.ndarray) or hasattr(value, "__array__")


def unknown_kind(value: object, where: str, *, one_of_several: bool = False) -> DataError:
    """The refusal of something that is no calibration data, as a whole or of one input."""
    allowed = (
        "a NumPy array, the path of an .npy or .npz file or of a folder, an ImageFolder"
        if one_of_several
        else "a NumPy array, {input name: array}, the path of an .npy or .npz file or of a "
        "folder, an ImageFolder, or an iterable of arrays or dicts"
    )
    advice = (
        "or, to make samples one by one, an iterable of dicts with all inputs"
        if one_of_several
        else "of pairs (image, label), the image only"
    )
    return DataError(
        "calibration data of an unknown kind",
        where=where,
        found=type(value).__name__,
        allowed=allowed,
        try_=f"numpy.asarray(data, dtype=numpy.float32); {advice}",
    )


def named(value: Any, signature: Signature, where: str) -> dict[str, Any]:
    """The arrays of `value` by the input they are for.

    Raises
    ------
    DataError
        If `value` is no array or dict of arrays, or names other inputs than the model has.
    """
    if isinstance(value, Mapping):
        check_names(value, signature, where)
        return {name: _as_array(value[name], f"{where}, input {name!r}") for name in signature}
    if not is_array(value):
        raise unknown_kind(value, where)
    only_input(signature, where, "an array")
    return {next(iter(signature)): _as_array(value, where)}


def check_names(names: Collection[object], signature: Signature, where: str) -> None:
    """Refuse names that are not those of the model's inputs.

    Raises
    ------
    DataError
        If there is no such input, or one is missing.
    """
    unknown = [name for name in names if name not in signature]
    if unknown:
        raise DataError(
            "the model has no such input",
            where=where,
            found=", ".join(map(repr, unknown)),
            allowed=", ".join(map(repr, signature)),
            try_=_nearest(map(str, unknown), signature) or "name the data as the model's inputs",
        )
    require_all(map(str, names), signature, where)


def only_input(signature: Signature, where: str, found: str) -> str:
    """The name of the model's single input.

    Raises
    ------
    DataError
        If the model has several.
    """
    if len(signature) != 1:
        raise DataError(
            "one array for a model with several inputs",
            where=where,
            found=found,
            allowed="{" + ", ".join(f"{name!r}: array or path" for name in signature) + "}",
            try_="pass a dict with the data of each input, or --calibrate_dataset NAME=PATH for "
            "each",
        )
    return next(iter(signature))


def require_all(names: Iterable[str], signature: Signature, where: str) -> None:
    """Refuse data that lack an input."""
    names = list(names)
    missing = [name for name in signature if name not in names]
    if missing:
        raise DataError(
            "data for an input are missing",
            where=where,
            found=", ".join(map(repr, names)) or "nothing",
            allowed=", ".join(map(repr, signature)),
            try_=_nearest(missing, [name for name in names if name not in signature], renamed=True)
            or f"add data for {', '.join(map(repr, missing))}",
        )


def _nearest(names: Iterable[str], known: Iterable[str], *, renamed: bool = False) -> str:
    """Which of the `known` names is most like each of `names`, as advice; empty if none is."""
    known = list(known)
    pairs = [(name, difflib.get_close_matches(name, known, n=1)) for name in names]
    return ", ".join(
        f"name {near[0]!r} {name!r}" if renamed else f"{near[0]!r} in place of {name!r}"
        for name, near in pairs
        if near
    )


def with_batch(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` with a batch axis in front, where it is a single sample of `shape`."""
    return array[np.newaxis] if array.shape == shape[1:] else array


def _as_array(value: Any, where: str) -> Array:
    if not is_array(value):
        raise unknown_kind(value, where)
    return np.asarray(value)
