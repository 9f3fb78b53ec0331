"""Builds the C of a whole network, on this PC or for an emulated chip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .compiler import Compiler

PORTABLE = "TVM_ESPDL_PORTABLE"
MODEL = Path("components") / "tvm_model"
_GENERATED = "model/codegen/host"


def sources(folder: Path) -> list[Path]:
    """The C files of the project in `folder`: of its networks, then `main/app_main.c`."""
    return [*sorted((folder / "components").rglob("*.[cS]")), folder / "main" / "app_main.c"]


def includes(folder: Path) -> list[Path]:
    """The folders with the headers of the project written in `folder`."""
    return [folder / "main"] + [
        component / name
        for component in sorted((folder / "components").iterdir())
        for name in ("crt_config", "model/runtime", f"{_GENERATED}/include", f"{_GENERATED}/src")
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
