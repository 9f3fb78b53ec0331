"""The form of a host kernel, and how a Python function that emits TIR becomes one.

It knows pointers, buffers and loops of TIR; it must never know what an operator computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...ops import Operator, Tensor
from ...ops.base.rounding import Array

Expression = Any
Buffer = Any


@dataclass(frozen=True, eq=False)
class HostKernel:
    """One operator as a function of TIR.

    Attributes
    ----------
    function : tvm.tirx.PrimFunc
        Private; its parameters are pointers: inputs, `constants`, the output and, where `scratch`
        is not 0, memory that it may use while it runs. Inputs and output may begin at any multiple
        of their elements' size; constants and memory at 64 bytes.
    constants : tuple of numpy.ndarray
        The operator's constants, packed as the function reads them.
    scratch : int
        Bytes of working memory of one call. Calls that run at the same time each need their own.
    parts : int
        Slices of the output that can be computed independently, in any order and at the same time.
        Where there are several, the function takes two more parameters behind the others, int32
        `begin` and `end`, and computes slices `begin` to `end - 1`, `0 <= begin < end <= parts`.
        Neighbouring slices may both write the same element, with the same value.
    """

    function: Any
    constants: tuple[Array, ...] = ()
    scratch: int = 0
    parts: int = 1


#: Elements of a part of what is computed one by one.
PART = 1 << 14

#: Elements of a vector, the most first, and the most bytes: registers of any CPU hold them.
WIDTHS = (64, 32, 16)
MOST_BYTES = 128

#: Kernels by the class of their operator: functions of operator, chip and constants.
Kernels = dict[type[Operator], Callable[..., HostKernel]]


def private_function(
    types: Sequence[Tensor | Array], body: Callable[..., None], parts: int = 1
) -> Any:
    """The PrimFunc with one pointer for each of `types` whose statements `body` emits.

    LLVM may rely on it that what a function writes shares no memory with its other pointers. TVM
    tells it so of all buffers, those of functions that are inlined into one included: between two
    calls there must be a fence (`region`).

    Parameters
    ----------
    types : sequence of Tensor or numpy.ndarray
        What each pointer refers to; only `dtype` and `shape` are read.
    body : callable
        Gets one buffer for each type and emits statements with TVM's IR builder. Where `parts` are
        several, `begin` and `end` follow the buffers.
    """
    with IRBuilder() as builder, T.prim_func(private=True):
        T.func_attr({"tirx.noalias": True})
        pointers = [T.arg(f"p{n}", T.handle(str(t.dtype))) for n, t in enumerate(types)]
        limits = [T.arg(name, T.int32()) for name in ("begin", "end")] if parts > 1 else []
        buffers = [
            T.decl_buffer(t.shape or (1,), str(t.dtype), data=pointer)
            for t, pointer in zip(types, pointers, strict=True)
        ]
        body(*buffers, *limits)
    return builder.get()


def flat(tensor: Tensor) -> Tensor:
    """The same elements in one dimension."""
    return Tensor(tensor.dtype, (tensor.size,), tensor.exponent)


def kernel_from(
    operator: Operator, body: Callable[..., None], *constants: Array, parts: int = 1
) -> HostKernel:
    """The kernel whose `body` gets inputs, `constants` and the result, each in one dimension."""
    types: list[Tensor | Array] = [*map(flat, operator.inputs), *constants, flat(operator.output)]
    return HostKernel(private_function(types, body, parts), constants, parts=parts)


def elementwise(operator: Operator, compute: Callable[[Expression], Expression]) -> HostKernel:
    """The kernel `y[i] = compute(x[i])`."""
    size = operator.output.size

    def body(x: Buffer, y: Buffer, *limits: Expression) -> None:
        begin, end = elements(size, limits)
        with T.serial(end - begin) as i:
            T.buffer_store(y, compute(x[begin + i]), [begin + i])

    return kernel_from(operator, body, parts=parts_of(size))


def parts_of(size: int) -> int:
    """How many parts there are of so many elements that are computed one by one."""
    return max(1, size // PART)


def elements(size: int, limits: Sequence[Expression]) -> tuple[Expression, Expression]:
    """The first element of the parts within `limits`, and that behind the last; all without any."""
    if not limits:
        return 0, size
    begin, end = limits
    return begin * PART, T.Select(end == parts_of(size), T.int32(size), end * PART)


def vectors_of(extent: int, dtype: str) -> list[tuple[int, int, int]]:
    """First element, count and width of vectors that have all elements, some of them twice.

    Fewer elements than the narrowest vector has are one vector.

    Parameters
    ----------
    dtype : str
        Of what is computed for each element.
    """
    most = MOST_BYTES // np.dtype(dtype).itemsize
    found, first = [], 0
    for width in WIDTHS:
        if width <= most and extent - first >= width:
            count = (extent - first) // width
            found.append((first, count, width))
            first += count * width
    if first < extent:
        width = min(extent, WIDTHS[-1])
        found.append((extent - width, 1, width))
    return found


def registers(size: int, dtype: str) -> Buffer:
    """A small local array, which LLVM keeps in registers.

    The annotation keeps TVM from turning it into a workspace, for a private function has neither
    a device nor a way to report that there is no memory.
    """
    return T.alloc_buffer(
        (size,), dtype, scope="local", annotations={"disable_lower_builtin": True}
    )
