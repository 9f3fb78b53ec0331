"""Writes a compiled network as an `.espdl` file, with the texts that may lie beside it.

All files are made before the first one is written: what the runtime cannot run leaves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..files.output_files import check_new, write_whole
from ..ops.base.operator import Refusal
from ..program import Native
from ..program.identity import identity
from .from_program import NOT_OF_ESP_DL, model_of, refuse
from .schema import Model
from .writing import file_of

if TYPE_CHECKING:
    from ..library import Library

FilePath = str | os.PathLike[str]


def save_library(
    library: Library,
    path: FilePath,
    test_inputs: Any = None,
    *,
    overwrite: bool = False,
    info: bool = False,
    json: bool = False,
) -> Path:
    """Write a library's network; see `Library.save_espdl`."""
    check_paths(path, overwrite=overwrite, info=info, json=json)
    return save_model(
        model_of_library(library, test_inputs), path, overwrite=overwrite, info=info, json=json
    )


def model_of_library(library: Library, test_inputs: Any = None) -> Model:
    """What the file of a library holds.

    Raises
    ------
    ModelError
        If ESP-DL's runtime cannot run a part of the network.
    DataError
        If the test inputs do not fit the network.
    """
    program = library.program
    if any(isinstance(step.operator, Native) for step in program.steps):
        _refuse(library)
    values = None
    if test_inputs is not None:
        given = test_inputs if isinstance(test_inputs, (Mapping, list, tuple)) else [test_inputs]
        values = library.first_values(dict(given) if isinstance(given, Mapping) else list(given))
    return model_of(program, model_id=identity(program), values=values)


def check_paths(path: FilePath, *, overwrite: bool, info: bool, json: bool) -> None:
    """Refuse paths that cannot become new files, before any work is done.

    Raises
    ------
    OutputError
        As `files.output_files.check_new`.
    """
    for file in (Path(path), *_texts_beside(path, info=info, json=json)):
        check_new(file, overwrite=overwrite)


def save_model(
    model: Model, path: FilePath, *, overwrite: bool = False, info: bool = False, json: bool = False
) -> Path:
    """Write a model's file, and the texts beside it.

    Raises
    ------
    OutputError
        If a file exists and `overwrite` is False, or cannot be written.
    """
    from .info import info_of
    from .settings import settings_of

    check_paths(path, overwrite=overwrite, info=info, json=json)
    files = {Path(path): file_of(model)}
    makers = {".info": info_of, ".json": settings_of}
    for file in _texts_beside(path, info=info, json=json):
        files[file] = makers[file.suffix](model).encode()
    for file, data in files.items():
        write_whole(file, data, overwrite=overwrite)
    return Path(path)


def _texts_beside(path: FilePath, *, info: bool, json: bool) -> list[Path]:
    wanted = {".info": info, ".json": json}
    return [Path(path).with_suffix(suffix) for suffix, asked in wanted.items() if asked]


def _refuse(library: Library) -> NoReturn:
    """Name the first broken rule, else the first node that TVM compiles itself.

    Raises
    ------
    ModelError
        Always.
    """
    report = library.report()
    nodes = {node.tensor: f"{node.name} ({node.type})" for node in report.nodes}
    refusal: Refusal = NOT_OF_ESP_DL
    where = next((f"{n.name} ({n.type})" for n in report.nodes if n.defined_by == "TVM"), "")
    if report.reasons:
        reason = report.reasons[0]
        refusal, where = reason.refusal, nodes.get(reason.tensor, reason.tensor)
    if not where:
        where = next(row.tensor for row in report.rows if row.defined_by == "TVM")
    refuse(refusal, f"node {where}")
