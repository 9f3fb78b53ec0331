"""What an operator says about its call in C: plain data that `codegen` prints.

It never holds C text beyond names and numbers; the kernels themselves are in `runtime/c`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from .rounding import Array

Pointers = Literal["typed", "void", "void result", "variadic"]
#: The field of kernels whose results may lie apart.
PITCH = "output_pitch"
#: The field of kernels that compute some channels for all pixels before the next ones.
SLICE = "slice_channels"

FieldValue = int | float | str | tuple[int, ...]


@dataclass(frozen=True)
class Needs:
    """What a kernel asks of the memory that it works on.

    Attributes
    ----------
    workspace_bytes : int
        Memory that it works in.
    in_place : tuple of int
        Inputs whose memory the output may take, one at a time.
    over_read : int
        Bytes that it may read behind an input, whose size counts in whole vectors of 16 bytes.
    alignment : int
        Inputs and output begin at a multiple of so many bytes; 1 where elements decide.
    apart : bool
        Whether the pixels of the result may lie apart, so that those of other results fit between
        them: each begins at a multiple of `alignment`, too.
    """

    workspace_bytes: int = 0
    in_place: tuple[int, ...] = ()
    over_read: int = 0
    alignment: int = 1
    apart: bool = False


@dataclass(frozen=True)
class CCall:
    """One call of a kernel of `runtime/c`.

    The kernel's C signature is `void <function>(const <descriptor> *, const void *..., void *)`:
    descriptor, inputs in the operator's order, output; then, where there are `workspace_bytes`, a
    pointer to so much memory, aligned to 16 bytes.

    Attributes
    ----------
    function : str
        Name of the kernel, for example `espdl_conv2d_s8`.
    descriptor : str
        Name of the descriptor's struct type.
    fields : dict
        Values of the descriptor's members by name: numbers, names of C constants, or tuples of
        numbers for array members.
    arrays : dict
        Constant arrays by the name of the pointer member that refers to them, packed as the chip
        wants them. Each is placed in read-only data, aligned to 16 bytes.
    over_read : int
        Bytes that the chip's kernels may read beyond the end of a constant array.
    needs : Needs
        Of the memory of inputs and output: what suits every implementation of the kernel, ESP-DL's
        and the portable one.
    pointers : str
        `typed`: of the types of inputs and output; `void`: of none; `void result`: inputs only;
        `variadic`: as many as there are inputs, of any type.
    """

    function: str
    descriptor: str
    fields: dict[str, FieldValue] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    over_read: int = 16
    needs: Needs = Needs()
    pointers: Pointers = "typed"

    def with_pitch(self, pitch: int) -> CCall:
        """The call whose result's pixels begin `pitch` elements after each other."""
        return dataclasses.replace(self, fields={**self.fields, PITCH: pitch})

    def with_slices(self, channels: int) -> CCall:
        """The call that computes so many channels for all pixels before the next ones."""
        return dataclasses.replace(self, fields={**self.fields, SLICE: channels})
