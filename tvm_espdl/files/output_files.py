"""Writes files and folders: they appear whole or not at all, and never over existing ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import OutputError

FilePath = str | os.PathLike[str]


def check_new(path: FilePath, *, overwrite: bool = False) -> None:
    """Refuse a path that cannot become a new file or folder.

    Raises
    ------
    OutputError
        If something is there already, or the folder that it should be in is not there.
    """
    target = Path(path)
    if target.is_dir() or (target.exists() and not overwrite):
        raise OutputError(
            "the output exists already",
            where=str(target),
            found="a folder" if target.is_dir() else "a file",
            allowed="a new path",
            try_="another path, or remove it yourself",
        )
    if not target.absolute().parent.is_dir():
        raise OutputError(
            "the folder of the output does not exist",
            where=str(target),
            try_=f"mkdir -p {target.parent}",
        )


def write_whole(path: FilePath, data: bytes, *, overwrite: bool = False) -> None:
    """Write a file; whatever goes wrong, there is never half of it.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is False, or cannot be written.
    """
    check_new(path, overwrite=overwrite)
    target = Path(path).absolute()
    staging: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.name}.", delete=False
        ) as file:
            staging = Path(file.name)
            file.write(data)
        staging.chmod(0o644)
        staging.replace(target)
    except OSError as error:
        if staging is not None:
            staging.unlink(missing_ok=True)
        raise OutputError(
            "the output cannot be written",
            where=str(path),
            found=error.strerror or str(error),
        ) from error


def write_folder(path: Path, files: Mapping[Path, bytes]) -> None:
    """Write a new folder of files, by their path in it; it gets its name when all are there.

    Folders above it are made where they are missing.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    staging: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        for name, content in files.items():
            file = staging / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        staging.chmod(0o755)
        staging.rename(path)
    except OSError as error:
        raise OutputError(
            "the folder cannot be written", where=str(path), found=str(error)
        ) from error
    finally:
        if staging is not None and staging.exists():
            shutil.rmtree(staging)
