"""Arrays as compiled functions take them, and the calls of TVM's own functions with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tvm
from tvm_ffi import from_dlpack

from ..ops import Tensor
from ..ops.base.rounding import Array
from .host.constants import ALIGNMENT


def call(function: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
    """Call one of TVM's functions, which writes into `outputs`."""
    tensors = [_lent(array) for array in (*inputs, *outputs)]
    function(*tensors)
    for array, tensor in zip(outputs, tensors[len(inputs) :], strict=True):
        if not is_lendable(array):
            array[...] = tensor.numpy()


def is_lendable(array: Array | Tensor) -> bool:
    """DLPack of NumPy knows no bfloat16, and no strides that TVM takes of an empty array."""
    return np.dtype(array.dtype).kind != "V" and array.size > 0


def _lent(array: Array) -> Any:
    return from_dlpack(array) if is_lendable(array) else tvm.runtime.tensor(array)


def memory(size: int) -> Array:
    """Bytes that begin where any kernel takes them."""
    whole = np.empty(size + ALIGNMENT, np.uint8)
    begin = -whole.ctypes.data % ALIGNMENT
    return whole[begin : begin + size]


def empty(tensor: Tensor) -> Array:
    """An array for a value, at such a place."""
    return memory(tensor.nbytes).view(tensor.dtype).reshape(tensor.shape)


def readable(array: Array) -> Array:
    """The array itself where any function can take it, else a copy."""
    flags = array.flags
    if flags.c_contiguous and flags.writeable and array.ctypes.data % ALIGNMENT == 0:
        return array
    copy = memory(array.nbytes).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
