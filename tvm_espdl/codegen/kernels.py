"""The C that kernels are built from: files of `runtime/c`, and those of ordinary operators.

The latter are printed from what the operator declares: its formula becomes a function, around which
a header of its family puts the loops. Nothing is computed or decided here.
"""

from __future__ import annotations

import inspect
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
from .literals import kernel_source

RUNTIME = Path(__file__).parent.parent / "runtime" / "c"
DECLARED = "espdl_declared.h"

# Result and parameters of the formula, and the macro of the family's header; narrow ones first.
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
_POINTERS = {
    "comparison": "const {0} *a, const {0} *b, bool *y",
    "broadcast": "const {0} *a, const {0} *b, {0} *y",
}


def runtime_files(calls: Iterable[CCall]) -> dict[str, str]:
    """What the kernels of some calls are built from, by the names of the files.

    Parameters
    ----------
    calls : iterable of CCall
        Each kernel counts once.

    Returns
    -------
    dict of str to str
        All headers, and the sources of the kernels that are called; sorted.
    """
    of_source = {kernel_source(call.function): call for call in calls}
    files = {path.name: path.read_text() for path in RUNTIME.glob("*.h")}
    declarations = []
    for source, call in sorted(of_source.items()):
        kind = _declared(source)
        if kind is None:
            files[source] = (RUNTIME / source).read_text()
        else:
            files[source] = _kernel(kind, call)
            declarations.append(_declaration(kind, call))
    files[DECLARED] = _HEADER.format("\n".join(declarations))
    return dict(sorted(files.items()))


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
        family=kind.family,
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


def _declaration(kind: type[Operator], call: CCall) -> str:
    """The prototypes of a kernel, behind its descriptor where no other kernel has that."""
    lines = []
    if call.descriptor == f"espdl_{kind.name}_t":
        members = [_member(name, value) for name, value in call.fields.items()]
        lines += ["typedef struct {", *members, f"}} {call.descriptor};"]
    pointers = _POINTERS.get(kind.family, "const {0} *x, {0} *y")
    for suffix, of_type in (("s8", "int8_t"), ("s16", "int16_t")):
        head = f"void espdl_{kind.name}_{suffix}(const {call.descriptor} *d, "
        lines.append(f"{head}{pointers.format(of_type)});")
    return "\n".join([*lines, ""])


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
#include "espdl_{family}.h"
{functions}
ESPDL_DEFINE_{macro}({name}, {descriptor})
"""

_HEADER = """\
/*
 * The kernels that are printed from what their operators declare; espdl_kernels.h includes this
 * file. The output may be an input of its type and size.
 */
#ifndef ESPDL_DECLARED_H
#define ESPDL_DECLARED_H

{0}
#endif
"""
