"""Kernels that limit what they store to a range that is told when they run.

A clip behind a product is then no pass of its own, and the same code serves with and without it.
Whatever the kernel computes is left as it is.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tvm_ffi
from tvm import tirx

from ...ops import Tensor
from ...ops.base.rounding import Array
from .kernel import HostKernel

MOST_LANES = 64  # of a vector that is stored


def limiting(kernel: HostKernel, inputs: int, y: Tensor) -> HostKernel:
    """The kernel with one more constant, the last: its limits, for now those of the type.

    Parameters
    ----------
    inputs : int
        How many it has.
    y : Tensor
        Its result, which it only writes.
    """
    function, place = kernel.function, inputs + len(kernel.constants)
    result, kind = function.params[place], function.params[place].ty
    parameter = tirx.Var("limits", kind)
    limits = tirx.decl_buffer((2 * MOST_LANES,), y.dtype, "limits", data=parameter)

    declared: list[tirx.Buffer] = []

    def note(declaration: tirx.DeclBuffer) -> None:
        data = declaration.data
        # A view of a buffer names the buffer instead of the pointer.
        viewed = getattr(data, "args", ())
        if data.same_as(result) or any(b.same_as(v) for b in declared for v in viewed):
            declared.append(declaration.buffer)

    tvm_ffi.structural_walk(function.body, (tirx.DeclBuffer, note))

    def stored(store: tirx.BufferStore) -> tirx.BufferStore:
        if not any(store.buffer.same_as(buffer) for buffer in declared):
            return store
        lanes = store.value.ty.dtype.lanes

        def limit(first: int) -> tirx.BufferLoad:
            return tirx.BufferLoad(limits, [tirx.Ramp(first, 1, lanes) if lanes > 1 else first])

        value = tirx.Min(tirx.Max(store.value, limit(0)), limit(MOST_LANES))
        return tirx.BufferStore(store.buffer, value, store.indices)

    body = tvm_ffi.structural_map(function.body, (tirx.BufferStore, stored))
    limited = tirx.PrimFunc(
        [*function.params[:place], parameter, *function.params[place:]],
        tirx.SeqStmt([tirx.DeclBuffer(limits, data=parameter), body]),
        function.ret_type,
        function.attrs,
    )
    own = np.iinfo(y.dtype)
    constants = (*kernel.constants, _limits(y.dtype, int(own.min), int(own.max)))
    return dataclasses.replace(kernel, function=limited, constants=constants)


def limited(kernel: HostKernel, lowest: int, highest: int) -> HostKernel:
    """A kernel that `limiting` made, with these limits: the upper one counts where they cross."""
    *others, limits = kernel.constants
    new = _limits(str(limits.dtype), lowest, highest)
    return dataclasses.replace(kernel, constants=(*others, new))


def _limits(dtype: str, lowest: int, highest: int) -> Array:
    """Limits beyond the type are those of the type."""
    own = np.iinfo(dtype)
    both = np.clip([lowest, highest], own.min, own.max)
    return np.repeat(both, MOST_LANES).astype(dtype)
