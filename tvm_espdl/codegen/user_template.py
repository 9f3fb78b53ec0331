"""A user's own files in a project: they replace those of the same path, or come on top.

They are looked at here and copied by those who write the project; nothing is changed in them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import DataError


def template_files(folder: Path) -> dict[Path, Path]:
    """The files of a template, to be copied, by their paths in the project; sorted.

    Raises
    ------
    DataError
        If it is no folder, holds nothing, or something in it is no file that can be read.
    """
    if not folder.is_dir():
        raise DataError(
            "the template is no folder",
            where=str(folder),
            found="a file" if folder.exists() else "nothing",
            allowed="a folder whose files replace the project's own",
        )
    files = {path.relative_to(folder): path for path in sorted(_inside(folder))}
    for path in files.values():
        _check_readable(path)
    if not files:
        raise DataError(
            "the template holds no file",
            where=str(folder),
            try_="main/app_main.c in it, for example, or no template",
        )
    return files


def check_places(template: Iterable[Path], project: Iterable[Path]) -> None:
    """Refuse a file in the place of a folder, and the other way round.

    Raises
    ------
    DataError
        If the project has both.
    """
    files = set(project)
    folders = {parent for path in files for parent in path.parents}
    for path in template:
        above = [parent for parent in path.parents if parent in files]
        if path in folders or above:
            raise DataError(
                "the template has a file where the project has a folder"
                if path in folders
                else "the template has a folder where the project has a file",
                where=str(path if path in folders else above[0]),
                try_="another name",
            )


def _inside(folder: Path) -> Iterator[Path]:
    """What lies in a folder, in no order; links to files count as files."""
    for root, folders, files in os.walk(folder, onerror=_unreadable):
        for name in folders:
            if (Path(root) / name).is_symlink():
                raise DataError(
                    "a link to a folder in the template",
                    where=str(Path(root) / name),
                    allowed="files and folders",
                    try_="a copy of the folder",
                )
        yield from (Path(root) / name for name in files)


def _check_readable(path: Path) -> None:
    try:
        # Whoever opens a pipe waits for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(
                "no ordinary file in the template", where=str(path), allowed="files and folders"
            )
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise _error(path, error) from error


def _unreadable(error: OSError) -> None:
    raise _error(Path(error.filename), error)


def _error(path: Path, error: OSError) -> DataError:
    return DataError(
        "the template cannot be read", where=str(path), found=error.strerror or str(error)
    )
