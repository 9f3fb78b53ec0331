"""Gives the arrays of a user the names of the model's inputs.

Must never look at shapes or values beyond the batch axis; `checks` does that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...errors import DataError
from ...onnx_model import Signature
from ..graph import Array

#: Arrays by input, each with its batch axis first, and where they come from.
Part = tuple[dict[str, Any], str]


def is_array(value: object) -> bool:
    """Whether NumPy can read `value` as an array, as it can tensors of other frameworks."""
    return isinstance(value, np.ndarray) or hasattr(value, "__array__")


def unknown_kind(value: object, where: str) -> DataError:
    """The refusal of something that is no calibration data."""
    return DataError(
        "calibration data of an unknown kind",
        where=where,
        found=type(value).__name__,
        allowed="a NumPy array, {input name: array}, the path of an .npy or .npz file or of a "
        "folder, an ImageFolder, or an iterable of arrays or dicts",
        try_="numpy.asarray(data, dtype=numpy.float32); of pairs (image, label), the image only",
    )


def named(value: Any, signature: Signature, where: str) -> dict[str, Any]:
    """The arrays of `value` by the input they are for.

    Raises
    ------
    DataError
        If `value` is no array or dict of arrays, or names other inputs than the model has.
    """
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
        require_all(value, signature, where)
        return {name: _as_array(value[name], f"{where}, input {name!r}") for name in signature}
    if not is_array(value):
        raise unknown_kind(value, where)
    only_input(signature, where, "an array")
    return {next(iter(signature)): _as_array(value, where)}


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
            allowed="{" + ", ".join(f"{name!r}: array" for name in signature) + "}",
            try_="pass a dict with one array per input",
        )
    return next(iter(signature))


def require_all(names: Iterable[str], signature: Signature, where: str) -> None:
    """Refuse data that lack an input."""
    missing = [name for name in signature if name not in set(names)]
    if missing:
        raise DataError(
            "data for an input are missing",
            where=where,
            found=", ".join(map(repr, names)) or "nothing",
            allowed=", ".join(map(repr, signature)),
            try_=f"add an array for {', '.join(map(repr, missing))}",
        )


def with_batch(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` with a batch axis in front, where it is a single sample of `shape`."""
    return array[np.newaxis] if array.shape == shape[1:] else array


def _as_array(value: Any, where: str) -> Array:
    if not is_array(value):
        raise unknown_kind(value, where)
    return np.asarray(value)
