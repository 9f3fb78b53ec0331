"""Builds the C of a whole network, on this PC or for an emulated chip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .compiler import Compiler

PORTABLE = "TVM_ESPDL_PORTABLE"


def build_project(
    folder: Path,
    program: Path,
    compiler: Compiler,
    *,
    main: Path | None = None,
    defines: Sequence[str] = (),
) -> None:
    """Compile the project written in `folder` into one `program`.

    `main` may take the place of its `main/app_main.c`; `defines` are further macros, for example
    `TVM_ESPDL_DUMP`.

    Raises
    ------
    ToolError
        If the compiler is missing or finds fault with a source.
    """
    model = folder / "components" / "tvm_model"
    generated = model / "model" / "codegen" / "host"
    includes = [
        *(folder / "main", model / "crt_config", model / "model" / "runtime"),
        *(generated / "include", generated / "src"),
    ]
    sources = [*sorted(model.rglob("*.[cS]")), main or folder / "main" / "app_main.c"]
    compiler.build(sources, program, includes=includes, defines=(PORTABLE, *defines))
