"""Writes a program as an `.espdl` file, with the texts that may lie beside it.

All files are made before the first one is written: what the runtime cannot run leaves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from ..files.output_files import check_apart, check_new, write_set
from ..ops.base.operator import Refusal
from ..ops.base.rounding import Array
from ..program import Program
from ..program.identity import identity
from ..program.user_model import UNNAMED, UserModel
from ..report.rows import ReportRows
from .from_program import NOT_OF_ESP_DL, model_of, refuse
from .info import info_of
from .schema import Model
from .settings import settings_of
from .writing import file_of

FilePath = str | os.PathLike[str]


def save_program(
    program: Program,
    path: FilePath,
    values: Mapping[str, Array] | None = None,
    *,
    user: UserModel = UNNAMED,
    overwrite: bool = False,
    info: bool = False,
    json: bool = False,
) -> Path:
    """Write a program's file, and the texts beside it.

    Parameters
    ----------
    values : mapping of str to numpy.ndarray, optional
        Every value of the program in one run from the start, for the test vectors; none are
        stored without.
    user : UserModel
        The user's own number and version of the network.

    Raises
    ------
    ModelError
        If ESP-DL's runtime cannot run a part of the network.
    OutputError
        If a file exists and `overwrite` is False, or cannot be written.
    """
    model = model_of(program, model_id=identity(program), values=values)
    model = named_by(user, model)
    return save_model(model, path, overwrite=overwrite, info=info, json=json)


def named_by(user: UserModel, model: Model) -> Model:
    """The model with its user's own number and version, where they are given, in its metadata."""
    metadata = {**model.metadata, **{name: str(value) for name, value in user.entries.items()}}
    version = model.model_version if user.version is None else user.revision
    return replace(model, metadata=dict(sorted(metadata.items())), model_version=version)


def check_paths(path: FilePath, *, overwrite: bool, info: bool, json: bool) -> None:
    """Refuse paths that cannot become new files, before any work: an `OutputError`."""
    check_new(path, overwrite=overwrite)
    texts = _texts_beside(path, info=info, json=json)
    check_apart(path, *texts)
    for file in texts:
        check_new(file, overwrite=overwrite)


def save_model(
    model: Model, path: FilePath, *, overwrite: bool = False, info: bool = False, json: bool = False
) -> Path:
    """Write a model's file, and the texts beside it; an `OutputError` where that cannot be."""
    check_paths(path, overwrite=overwrite, info=info, json=json)
    files = {Path(path): file_of(model)}
    for file, make in _texts_beside(path, info=info, json=json).items():
        files[file] = make(model).encode()
    write_set(files, overwrite=overwrite)
    return Path(path)


def _texts_beside(path: FilePath, *, info: bool, json: bool) -> dict[Path, Callable[[Model], str]]:
    texts = ((".info", info, info_of), (".json", json, settings_of))
    return {Path(path).with_suffix(suffix): make for suffix, asked, make in texts if asked}


def refuse_report(report: ReportRows) -> NoReturn:
    """Refuse a network of which TVM compiles a part, for the first rule broken: a `ModelError`."""
    nodes = {node.tensor: f"{node.name} ({node.type})" for node in report.nodes}
    refusal: Refusal = NOT_OF_ESP_DL
    where = next((f"{n.name} ({n.type})" for n in report.nodes if n.defined_by == "TVM"), "")
    if report.reasons:
        reason = report.reasons[0]
        refusal, where = reason.refusal, nodes.get(reason.tensor, reason.tensor)
    if not where:
        where = next(row.tensor for row in report.rows if row.defined_by == "TVM")
    refuse(refusal, f"node {where}")
