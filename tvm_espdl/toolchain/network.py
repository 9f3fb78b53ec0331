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
    """Compile a written project into one program.

    Parameters
    ----------
    folder : path
        The project.
    program : path
        The program to make.
    main : path, optional
        Takes the place of the project's `main/app_main.c`.
    defines : sequence of str
        Further macros, for example `TVM_ESPDL_DUMP`.

    Raises
    ------
    ToolError
        If the compiler is missing or finds fault with a source.
    """
    model = folder / "components" / "tvm_model"
    includes = [
        folder / "main",
        model / "crt_config",
        model / "model" / "runtime",
        model / "model" / "codegen" / "host" / "include",
        model / "model" / "codegen" / "host" / "src",
    ]
    sources = [*sorted(model.rglob("*.c")), main or folder / "main" / "app_main.c"]
    compiler.build(sources, program, includes=includes, defines=(PORTABLE, *defines))
