"""Builds the C of a whole network, on this PC or for an emulated chip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .compiler import Compiler

PORTABLE = "TVM_ESPDL_PORTABLE"
MODEL = Path("components") / "tvm_model"


def sources(folder: Path) -> list[Path]:
    """The C files of the project written in `folder`, its `main/app_main.c` the last of them."""
    return [*sorted((folder / MODEL).rglob("*.[cS]")), folder / "main" / "app_main.c"]


def includes(folder: Path) -> list[Path]:
    """The folders with the headers of the project written in `folder`."""
    model = folder / MODEL
    generated = model / "model" / "codegen" / "host"
    return [
        *(folder / "main", model / "crt_config", model / "model" / "runtime"),
        *(generated / "include", generated / "src"),
    ]


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
    *network, own = sources(folder)
    names = (PORTABLE, *defines)
    compiler.build([*network, main or own], program, includes=includes(folder), defines=names)
