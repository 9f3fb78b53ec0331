"""The C that kernels are built from: files of `runtime/c`, and those of ordinary operators.

The latter are printed from what the operator declares: its formula becomes a function, around which
a header of its family puts the loops. Nothing is computed or decided here.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

from ..ops import Operator, operators
from ..ops.base.broadcast import Broadcast, RealBroadcast, WithRelu
from ..ops.base.ccall import CCall, FieldValue
from ..ops.base.comparison import Comparison
from ..ops.base.function import FloatFunction
from ..ops.base.pointwise import Pointwise
from ..ops.base.reduction import ExactSum, Extreme, RealSum
from ..ops.base.strided import Strided
from .literals import c_type, kernel_source

RUNTIME = Path(__file__).parent.parent / "runtime" / "c"
PROTOTYPES = "espdl_prototypes.h"

# Result and parameters of the formula, and the macro of its header; narrow ones first.
_FAMILIES: dict[type[Operator], tuple[str, str, str]] = {
    Pointwise: ("int32_t", "int32_t v", "POINTWISE"),
    FloatFunction: ("float", "float real", "FUNCTION"),
    Comparison: ("bool", "int32_t a, int32_t b", "COMPARISON"),
    RealBroadcast: ("float", "float a, float b", "REAL_BROADCAST"),
    Broadcast: ("int64_t", "int32_t a, int32_t b", "BROADCAST"),
    Extreme: ("int32_t", "int32_t best, int32_t v", "EXTREME"),
    ExactSum: ("int32_t", "int32_t v", "EXACT_SUM"),
    RealSum: ("float", "float real", "REAL_SUM"),
    Strided: ("", "", "STRIDED"),
}


def runtime_files(kernels: Iterable[tuple[Operator, CCall]]) -> dict[str, str]:
    """What some kernels are built from, by the names of the files.

    Parameters
    ----------
    kernels : iterable of (Operator, CCall)
        The calls; each kernel counts once.

    Returns
    -------
    dict of str to str
        All headers, one of them with the prototypes of these kernels; and their sources, with what
        these share; sorted.
    """
    files = {path.name: path.read_text() for path in RUNTIME.glob("*.h")}
    descriptors: dict[str, str] = {}
    prototypes: dict[str, str] = {}
    lanes = False
    for operator, call in kernels:
        lanes = lanes or bool(call.fields.get("lanes"))
        source = kernel_source(call.function)
        kind = _declared(source)
        files[source] = (RUNTIME / source).read_text() if kind is None else _kernel(kind, call)
        files |= {name: (RUNTIME / name).read_text() for name in shared_sources(files[source])}
        prototypes[call.function] = _prototype(operator, call)
        if kind is not None and call.descriptor == f"espdl_{kind.name}_t":
            descriptors[call.descriptor] = _descriptor(call)
    parts = [text for printed in (descriptors, prototypes) for _, text in sorted(printed.items())]
    files[PROTOTYPES] = _HEADER.format("" if lanes else _WITHOUT_LANES, "".join(parts))
    return dict(sorted(files.items()))


def shared_sources(text: str) -> list[str]:
    """The files of `runtime/c` that define what a source calls besides its own functions.

    They are those with the name of a header that it includes.
    """
    headers = re.findall(r'^#include "(espdl_\w+)\.h"', text, re.MULTILINE)
    return [f"{name}.c" for name in headers if (RUNTIME / f"{name}.c").exists()]


def _declared(source: str) -> type[Operator] | None:
    """The operator whose kernel is printed; None where `runtime/c` has it."""
    kind = operators().get(source.removeprefix("espdl_").removesuffix(".c"))
    return kind if kind is not None and kind.derives_kernels() else None


def _kernel(kind: type[Operator], call: CCall) -> str:
    """The source of a kernel, for both types."""
    result, parameters, macro = next(
        row for family, row in _FAMILIES.items() if issubclass(kind, family)
    )
    functions: list[str] = []
    if issubclass(kind, RealSum):
        functions.append(_function("term", "int32_t", call.descriptor, "int32_t v", kind.c_term))
    name = "term" if issubclass(kind, ExactSum) else "function"
    formula = kind.c
    if issubclass(kind, WithRelu):
        formula = f"const int32_t value = {formula};\nreturn d->relu && value < 0 ? 0 : value;"
    if result:
        functions.append(_function(name, result, call.descriptor, parameters, formula))
    module = inspect.getmodule(kind)
    about = inspect.cleandoc(module.__doc__ or "" if module else "").split("\n\n")[0]
    return _SOURCE.format(
        about=textwrap.indent(about, " * "),
        name=kind.name,
        header=kind.header,
        functions="".join(f"\n{function}" for function in functions),
        macro=macro,
        descriptor=call.descriptor,
    )


def _function(name: str, result: str, descriptor: str, parameters: str, formula: str) -> str:
    lines = textwrap.dedent(formula).strip()
    body = lines if lines.endswith(";") or lines.endswith("}") else f"return {lines};"
    unused = "" if "d->" in body else "  (void)d;\n"
    head = f"static inline {result} {name}(const {descriptor} *d, {parameters})"
    return f"{head} {{\n{unused}{textwrap.indent(body, '  ')}\n}}\n"


def _descriptor(call: CCall) -> str:
    """The struct of a descriptor that only one kernel has."""
    members = [_member(name, value) for name, value in call.fields.items()]
    return "\n".join(["typedef struct {", *members, f"}} {call.descriptor};", "", ""])


def _prototype(operator: Operator, call: CCall) -> str:
    inputs, output = [c_type(t.dtype) for t in operator.inputs], c_type(operator.output.dtype)
    if call.pointers == "void":
        inputs = ["void"] * len(inputs)
    if call.pointers in ("void", "void result"):
        output = "void"
    pointers = [*(f"const {of_type} *x{i}" for i, of_type in enumerate(inputs)), f"{output} *y"]
    if call.needs.workspace_bytes:
        pointers.append("void *workspace")
    if call.pointers == "variadic":
        pointers = ["..."]
    return f"void {call.function}(const {call.descriptor} *d, {', '.join(pointers)});\n"


def _member(name: str, value: FieldValue) -> str:
    of_type = "float" if isinstance(value, float) else "int32_t"
    size = f"[{len(value)}]" if isinstance(value, tuple) else ""
    return f"  {of_type} {name}{size};"


_SOURCE = """\
/*
{about}
 *
 * Printed from `tvm_espdl/ops/{name}.py`.
 */
#include "espdl_{header}.h"
{functions}
ESPDL_DEFINE_{macro}({name}, {descriptor})
"""

_HEADER = """\
/*
 * The prototypes of the kernels that are called, and descriptors that only one of them has;
 * espdl_kernels.h includes this file.
 */
#ifndef ESPDL_PROTOTYPES_H
#define ESPDL_PROTOTYPES_H

{0}{1}
#endif
"""

_WITHOUT_LANES = """\
/* No convolution has its channels in vectors: what is for those is left out. */
#define ESPDL_WITHOUT_LANES

"""
