"""Plain C for the functions that TVM compiles itself: pointers in, pointers out, no runtime.

Intermediate buffers become arguments, so that the memory plan can place them in the arena instead
of on a task's stack. Nothing is scheduled or optimised here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import ir, tirx
from tvm.target import Target
from tvm.tirx.stmt import AllocBuffer, DeclBuffer, SeqStmt

from ..errors import ModelError
from ..program import Native
from .cut import Cut
from .literals import float_literal

STACK_LIMIT = 256
ALIGNMENT = 16
_FLOAT = re.compile(r"(?<![\w.])(\d\.\d{6}e[+-]\d+)(f?)")
_SCRIPT_FLOAT = re.compile(r"T\.float(?:32|64)\((-?[\d.]+(?:e[+-]?\d+)?)\)")
_LOCAL = re.compile(r"^\s+(\w+) \w+\[(\d+)\];", re.MULTILINE)
_CALLED = re.compile(r"T\.call_packed\(\"([\w.]+)\"")
_BYTES = {"int8_t": 1, "uint8_t": 1, "bool": 1, "int16_t": 2, "double": 8, "int64_t": 8}


@dataclass(frozen=True)
class NativeFunction:
    """A function in C.

    Attributes
    ----------
    name : str
        Its name.
    definition : str
        `static void <name>(const inputs..., outputs..., workspaces...)`.
    workspaces : tuple of (str, int)
        dtype, and offset in the function's scratch memory, of each trailing pointer.
    workspace_bytes : int
        Size of the scratch memory.
    """

    name: str
    definition: str
    workspaces: tuple[tuple[str, int], ...]
    workspace_bytes: int


def lower_native(native: Native, name: str, cut: Cut) -> NativeFunction:
    """Lower one of TVM's functions to C.

    Parameters
    ----------
    native : Native
        With static shapes.
    name : str
        Name of the C function.
    cut : Cut
        What to say where it cannot become C.

    Raises
    ------
    ModelError
        If the function needs TVM's runtime or more stack than a task on the chip has.
    """
    if called := ", ".join(_CALLED.findall(native.function.script(show_meta=False))):
        raise _refused(native, f"calls of TVM's runtime: {called}", cut)
    try:
        lowered = _lowered(_at_the_start(native.function))
    except tvm.error.InternalError as error:
        raise _refused(native, str(error).strip().splitlines()[-1], cut) from error
    parameters: list[Any] = []
    body: list[Any] = []
    workspaces: list[tuple[str, int]] = []
    size = 0
    for buffer in lowered.params:
        parameters.append(_pointer(buffer, len(parameters)))
        body.append(DeclBuffer(buffer, data=parameters[-1]))
    statements = lowered.body.seq if isinstance(lowered.body, SeqStmt) else [lowered.body]
    for statement in statements:
        if isinstance(statement, AllocBuffer):
            buffer = statement.buffer
            parameters.append(_pointer(buffer, len(parameters)))
            body.append(DeclBuffer(buffer, data=parameters[-1]))
            workspaces.append((_dtype(buffer), size))
            size += -(-_nbytes(buffer) // ALIGNMENT) * ALIGNMENT
        else:
            body.append(statement)
    text = _printed(tirx.PrimFunc(parameters, SeqStmt(body)), name)
    definition = _as_plain_c(text, name, native, cut)
    return NativeFunction(name, _exact_floats(definition, lowered), tuple(workspaces), size)


def _refused(native: Native, found: str, cut: Cut) -> ModelError:
    return ModelError(
        "a function of TVM cannot run on the chip",
        where=cut.where,
        found=f"{native.name}: {found}",
        allowed=f"plain loops and up to {STACK_LIMIT} bytes of stack",
        try_=cut.try_,
    )


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


def _dtype(buffer: Any) -> str:
    return str(getattr(buffer.dtype, "dtype", buffer.dtype))


def _nbytes(buffer: Any) -> int:
    return math.prod(int(extent) for extent in buffer.shape) * np.dtype(_dtype(buffer)).itemsize


def _pointer(buffer: Any, position: int) -> Any:
    # Buffers are named after the model's tensors, which C would not take for identifiers.
    return tirx.Var(f"p{position}", ir.PointerType(ir.PrimType(_dtype(buffer))))


def _printed(function: Any, name: str) -> str:
    target = Target("c")
    ready = function.with_attr("global_symbol", name).with_attr("target", target)
    build = tvm.get_global_func("target.build.c")
    return str(build(tvm.IRModule({name: ready}), target).inspect_source())


def _as_plain_c(text: str, name: str, native: Native, cut: Cut) -> str:
    found = re.search(rf"void {name}\(([^)]*)\) {{\n(.*?)^}}", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise RuntimeError(f"TVM printed no function {name}")
    body = found[2]
    stack = sum(_BYTES.get(kind, 4) * int(count) for kind, count in _LOCAL.findall(body))
    if "TVM" in body or "tvm_" in body or stack > STACK_LIMIT:
        found_there = f"{stack} bytes of stack" if stack > STACK_LIMIT else "TVM's runtime"
        raise _refused(native, found_there, cut)
    inputs = len(native.inputs)
    parameters = [p.strip().replace("* ", " *") for p in found[1].split(",")]
    parameters[:inputs] = [f"const {parameter}" for parameter in parameters[:inputs]]
    return f"static void {name}({', '.join(parameters)}) {{\n{body}}}\n"


def _exact_floats(text: str, function: Any) -> str:
    """Print floats with all their digits: TVM's C printer keeps only seven."""
    values = {abs(v) for v in _float_constants(function) if math.isfinite(v)}
    exact: dict[str, float] = {}
    for value in values:
        short = f"{value:.6e}"
        if exact.setdefault(short, value) != value:
            raise ModelError(
                "two constants of a function of TVM differ only in their eighth digit",
                found=f"{exact[short]!r} and {value!r}",
                try_="round one of them",
            )

    def replace(found: re.Match[str]) -> str:
        value = exact.get(found[1], float(found[1]))
        return float_literal(value) if found[2] else repr(value)

    return _FLOAT.sub(replace, text)


def _float_constants(function: Any) -> list[float]:
    """All float constants of a function, from its script, which has every digit of them."""
    return [float(text) for text in _SCRIPT_FLOAT.findall(function.script(show_meta=False))]
