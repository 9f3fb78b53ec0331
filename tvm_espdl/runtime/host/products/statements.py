"""What a way to sum products emits, and how one or several such ways become a kernel.

Several follow each other: a later one writes again what an earlier one could not compute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.tirx.script import builder as T

from ....ops import Tensor
from ....ops.base.rounding import Array
from ..kernel import Buffer, Expression, HostKernel, private_function
from .window import Window

_ALIGNMENT = 64


@dataclass(frozen=True)
class Buffers:
    """What the kernel's pointers refer to: image and output in one dimension, memory in bytes."""

    x: Buffer
    constants: tuple[Buffer, ...]
    y: Buffer
    memory: Buffer


@dataclass(frozen=True)
class Statements:
    """Loops over an image.

    Attributes
    ----------
    emit : callable
        Emits slices `begin` to `end - 1` of `parts`, on given buffers.
    constants, scratch, parts
        As in `HostKernel`.
    """

    emit: Callable[[Buffers, Expression, Expression], None]
    constants: tuple[Array, ...]
    scratch: int
    parts: int


def kernel_from_statements(window: Window, dtype: str, *steps: Statements) -> HostKernel:
    """The kernel that runs all of `steps`, each with memory of its own.

    LLVM believes that what is written in one type is not read in another, so that memory used
    again would be written too early.
    """
    parts = steps[0].parts if len(steps) == 1 else 1
    constants = tuple(array for step in steps for array in step.constants)
    begins = np.cumsum([0, *(-(-step.scratch // _ALIGNMENT) * _ALIGNMENT for step in steps)])
    scratch = int(begins[-1])

    def body(x: Buffer, *others: Any) -> None:
        given, y = list(others[: len(constants)]), others[len(constants)]
        pointer = others[len(constants) + 1].data if scratch else None
        for step, first in zip(steps, begins, strict=False):
            memory = None
            if step.scratch:
                memory = T.decl_buffer(
                    (step.scratch,), "int8", data=pointer, elem_offset=int(first)
                )
            own = tuple(given.pop(0) for _ in step.constants)
            limits = others[-2:] if parts > 1 else (0, step.parts)
            step.emit(Buffers(x, own, y, memory), *limits)

    x, y = (Tensor(dtype, (int(np.prod(s)),), 0) for s in (window.image, window.output))
    memory = (Tensor("int8", (scratch,), 0),) if scratch else ()
    function = private_function((x, *constants, y, *memory), body, parts)
    return HostKernel(function, constants, scratch, parts)


def view(memory: Buffer, dtype: str, shape: tuple[int, ...], begin: int = 0) -> Buffer:
    """A part of the memory from byte `begin` on, which is a multiple of the type's size."""
    size = np.dtype(dtype).itemsize
    first = (int(memory.elem_offset) + begin) // size
    return T.decl_buffer(shape, dtype, data=memory.data, elem_offset=first)
