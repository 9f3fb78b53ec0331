"""Values without a type, as people type and print them, in the type of the tensor they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from ..files.number_text import number_groups
from ..ops import Tensor
from ..ops.base.rounding import Array

#: Half of the last decimal of C's `%f`.
_LAST_DECIMAL = 0.5e-6


def is_typed(value: Any) -> bool:
    """Whether a value in a dump has no type of its own: text, or Python's numbers."""
    return isinstance(value, (str, int, float, list, tuple))


def typed_array(name: str, value: Any) -> Array:
    """Text or a list as an array of int64, or of float64 where something has a decimal point.

    Raises
    ------
    DataError
        If it holds something else than numbers.
    """
    if isinstance(value, str):
        groups = number_groups(value.splitlines())
        value = [number for group in groups for number in group.values]
        if not value:
            raise DataError("no numbers in the text", where=name)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError("no array", where=name, found=str(error)) from None
    if array.dtype == bool:
        return array
    if array.dtype.kind not in "iuf":
        raise DataError("no numbers", where=name, found=str(array.dtype))
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


def in_type_of(array: Array, tensor: Tensor) -> tuple[Array | None, str]:
    """Numbers in a tensor's type, and what to say of that.

    Integers stand for themselves. Decimals of a tensor of integers are real values: its integers
    times `2^exponent`, and taken only where they are, as far as six decimals tell.

    Returns
    -------
    tuple of numpy.ndarray or None, and str
        None with the reason where they cannot be values of it.
    """
    if tensor.dtype.startswith("float"):
        return None, (
            "decimals do not show the bits of floats: print the integers that they are made of"
        )
    if not array.size:
        return None, "no values"
    said = ""
    if array.dtype.kind == "f":
        whole, said = _integers_of(array, tensor)
        if whole is None:
            return None, said
        array = whole
    limits = _limits(tensor.dtype)
    if not (limits[0] <= array.min() and array.max() <= limits[1]):
        return None, f"values from {array.min():g} to {array.max():g} are none of {tensor.dtype}"
    return array.astype(tensor.dtype), said


def _integers_of(real: Array, tensor: Tensor) -> tuple[Array | None, str]:
    """The integers that real values stand for, and that they do; None with the reason, else."""
    exponent = tensor.exponent
    if not isinstance(exponent, int):
        return None, "decimals, of a tensor of integers without an exponent"
    with np.errstate(over="ignore"):
        scaled = np.ldexp(real, -exponent)
    if not np.isfinite(scaled).all():
        return None, "values that are no numbers, or infinite, of a tensor of integers"
    whole = np.round(scaled)
    off = np.abs(scaled - whole)
    if not (off <= max(np.ldexp(_LAST_DECIMAL, -exponent), 1e-9)).all() or off.max() > 0.25:
        return None, f"decimals that are no multiples of 2^{exponent}, its scale"
    return whole, f"decimals are taken as its integers times 2^{exponent}"


def _limits(dtype: str) -> tuple[int, int]:
    if dtype == "bool":
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def split_typed(arrays: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Those with a type of their own, and those without."""
    own = {str(name): value for name, value in arrays.items() if not is_typed(value)}
    typed = {
        str(name): typed_array(str(name), value)
        for name, value in arrays.items()
        if is_typed(value)
    }
    return own, typed
