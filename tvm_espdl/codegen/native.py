"""Plain C for the functions that TVM compiles itself: pointers in, pointers out, no runtime.

Intermediate buffers become arguments, so that the memory plan can place them in the arena instead
of on a task's stack. Nothing is scheduled or optimised here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import tirx
from tvm.target import Target

from ..errors import ModelError
from ..program import Native
from .cut import Cut
from .tir_to_c import Unprintable, c_function

ALIGNMENT = 16


@dataclass(frozen=True)
class NativeFunction:
    """A function in C."""

    #: Its name.
    name: str
    #: `static void <name>(const inputs..., outputs..., workspaces...)`.
    definition: str
    #: Tuple of (str, int): dtype, and offset in the function's scratch memory, of each trailing
    #: pointer.
    workspaces: tuple[tuple[str, int], ...]
    #: Size of the scratch memory.
    workspace_bytes: int


def lower_native(native: Native, name: str, cut: Cut) -> NativeFunction:
    """Lower one of TVM's functions, with static shapes, to the C function `name`.

    Raises
    ------
    ModelError
        If the function needs TVM's runtime, or a type that C99 has not; `cut` says what to do then.
    """
    try:
        lowered = _lowered(_at_the_start(native.function))
        printed = c_function(lowered, name, len(native.inputs))
    except (tvm.error.InternalError, Unprintable) as error:
        raise ModelError(
            "a function of TVM cannot run on the chip",
            where=cut.where,
            found=f"{native.name}: {str(error).strip().splitlines()[-1]}",
            allowed="plain loops over integers, float32 and float64",
            try_=cut.try_,
        ) from error
    workspaces: list[tuple[str, int]] = []
    size = 0
    for buffer in printed.workspaces:
        dtype = str(buffer.dtype)
        workspaces.append((dtype, size))
        nbytes = math.prod(map(int, buffer.shape)) * np.dtype(dtype).itemsize
        size += -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT  # C knows no empty arrays
    return NativeFunction(name, printed.definition, tuple(workspaces), size)


def _at_the_start(function: Any) -> Any:
    """Buffers that may begin anywhere in memory begin where C's pointers point."""
    fixed = {
        buffer: tirx.decl_buffer(buffer.shape, buffer.dtype, buffer.name)
        for buffer in function.params
        if isinstance(buffer.elem_offset, tirx.Var)
    }
    return function.specialize(fixed) if fixed else function


def _lowered(function: Any) -> Any:
    schedule, lower = tvm.s_tir.transform, tvm.tirx.transform
    passes = [
        lower.BindTarget(Target("c")),
        schedule.CanonicalizeLoop(),
        schedule.LowerInitBlock(),
        schedule.PlanAndUpdateBufferAllocationLocation(),
        schedule.ConvertBlocksToOpaque(),
        schedule.CompactBufferAllocation(),
        schedule.LowerMatchBuffer(),
        lower.StmtSimplify(),
        schedule.LowerOpaqueBlock(),
        lower.FlattenBuffer(),
        lower.NarrowDataType(32),
        lower.VectorizeLoop(False),
        lower.StorageRewrite(),
        lower.UnrollLoop(),
        lower.StmtSimplify(),
        lower.RemoveNoOp(),
        schedule.RewriteUnsafeSelect(),
        lower.CommonSubexprElim(),
        lower.LowerIntrin(),
    ]
    mod = tvm.transform.Sequential(passes)(tvm.IRModule({"native": function}))
    return mod["native"]
