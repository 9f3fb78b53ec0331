"""Writes files and folders: they appear whole or not at all, and never over existing ones.

What is written lies beside its place under a hidden name until it is whole; permissions are those
that the user's umask leaves.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import EspdlError, OutputError

FilePath = str | os.PathLike[str]


def path_of(
    given: object, where: str = "the output", error: type[EspdlError] = OutputError
) -> Path:
    """A path that a user has given.

    Raises
    ------
    EspdlError
        The one of `error`, if it is empty or of another type; `where` says whose path it is.
    """
    if not (isinstance(given, (str, os.PathLike)) and isinstance(os.fspath(given), str)):
        raise error("no path", where=where, found=repr(given), allowed="a str or a Path")
    if not os.fspath(given):
        raise error("an empty path", where=where, allowed="a name")
    if "\0" in os.fspath(given):
        raise error("no path", where=where, found=repr(given), allowed="a name without NUL")
    return Path(given)


#: Bytes of a name that file systems take.
LONGEST_NAME = 255


def check_new(path: FilePath, *, overwrite: bool = False) -> None:
    """Refuse a path that cannot become a new file or folder.

    Raises
    ------
    OutputError
        If something is there already, the folder that it should be in is not there, its name is
        longer than file systems take, or it is no path at all.
    """
    target = path_of(path)
    if (length := len(os.fsencode(target.name))) > LONGEST_NAME:
        raise OutputError(
            "the name of the output is too long",
            where=str(target),
            found=f"{length} bytes",
            allowed=f"{LONGEST_NAME} bytes",
        )
    if target.is_dir() or (os.path.lexists(target) and not overwrite):
        raise _exists(target)
    if not target.absolute().parent.is_dir():
        raise OutputError(
            "the folder of the output does not exist",
            where=str(target),
            try_=f"mkdir -p {target.parent}",
        )


def check_apart(*paths: FilePath | None) -> None:
    """Refuse outputs of one command that are the same path, or one within another.

    Raises
    ------
    OutputError
        If two of them cannot both be written, or one is no path. None stands for an output
        that is not wanted.
    """
    given = [path_of(path) for path in paths if path is not None]
    # Not `resolve`, which raises where links go round in a circle.
    places = [Path(os.path.realpath(path.absolute().parent)) / path.name for path in given]
    for index, place in enumerate(places):
        for other in range(len(places)):
            if other != index and places[other] in (place, *place.parents):
                raise OutputError(
                    "two outputs in one place",
                    where=str(given[index]),
                    found=str(given[other]),
                    allowed="a path of its own for each",
                )


def _exists(target: Path) -> OutputError:
    return OutputError(
        "the output exists already",
        where=str(target),
        found="a folder" if target.is_dir() else "a file",
        allowed="a new path",
        try_="another path, or remove it yourself",
    )


def write_whole(path: FilePath, data: bytes, *, overwrite: bool = False) -> None:
    """Write a file; whatever goes wrong, there is never half of it.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is False, or cannot be written.
    """
    write_set({path_of(path): data}, overwrite=overwrite)


def write_set(files: Mapping[Path, bytes], *, overwrite: bool = False) -> None:
    """Write files that belong together: all of them, or, whatever goes wrong, none.

    With `overwrite`, files that were there are there again then. Only a process that is killed
    between two names can leave some of the new ones beside old ones: each of them is whole.

    Raises
    ------
    OutputError
        If one of them exists and `overwrite` is False, or cannot be written.
    """
    make_set({path: _writer(data) for path, data in files.items()}, overwrite=overwrite)


def _writer(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def make_set(makers: Mapping[Path, Callable[[Path], None]], *, overwrite: bool = False) -> None:
    """As `write_set`, by functions that write one file each, to the path that they are given.

    Raises
    ------
    OutputError
        As `write_set`; where a function raises an `OSError`. Other errors of theirs pass.
    """
    check_apart(*makers)
    for path in makers:
        check_new(path, overwrite=overwrite)
    staged: dict[Path, Path] = {}
    path = Path()
    try:
        for path, make in makers.items():
            target = path.absolute()
            staged[target] = _beside(target)
            make(staged[target])
        _give_names(staged, overwrite=overwrite)
    except OSError as error:
        raise _unwritten("the output cannot be written", path, error) from error
    finally:
        for staging in staged.values():
            staging.unlink(missing_ok=True)


def _give_names(staged: Mapping[Path, Path], *, overwrite: bool) -> None:
    """Give each file its name, by which `staged` knows it; where one fails, all is as it was."""
    kept: dict[Path, Path] = {}
    placed: list[Path] = []
    target = Path()
    try:
        for target in filter(os.path.lexists, staged if overwrite else ()):
            kept[target] = _beside(target)
            _keep(target, kept[target])
        for target, staging in staged.items():
            if overwrite:
                staging.replace(target)
            else:
                _place(staging, target)
            placed.append(target)
    except BaseException as error:
        for written in placed:
            if written in kept:
                kept[written].replace(written)
            else:
                written.unlink()
        if isinstance(error, FileExistsError):
            raise _exists(target) from error
        if isinstance(error, OSError):
            raise _unwritten("the output cannot be written", target, error) from error
        raise
    finally:
        for hidden in kept.values():
            hidden.unlink(missing_ok=True)


def _keep(target: Path, hidden: Path) -> None:
    """A second name for a file that is to be replaced; a copy where file systems have no links."""
    try:
        os.link(target, hidden, follow_symlinks=False)
    except OSError:
        shutil.copy2(target, hidden, follow_symlinks=False)


def _place(staging: Path, target: Path) -> None:
    """Give a file its name, if nothing has got it in the meantime: a `FileExistsError`."""
    try:
        os.link(staging, target)
    except OSError as error:
        # File systems without hard links: take the name first, then replace what is ours.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            staging.replace(target)
        except OSError:
            target.unlink()
            raise


def _beside(target: Path) -> Path:
    """A hidden name in the same folder that nothing has; it ends as the target's does."""
    token = f".{secrets.token_hex(8)}."
    kept = os.fsencode(target.name)[-(LONGEST_NAME - len(token)) :]
    return target.parent / (token + os.fsdecode(kept))


def _unwritten(what: str, path: Path, error: OSError) -> OutputError:
    return OutputError(what, where=str(path), found=error.strerror or str(error))


def write_folder(path: Path, files: Mapping[Path, bytes | Path]) -> None:
    """Write a new folder of files, by their path in it; it gets its name when all are there.

    A file is its bytes, or the path of one to copy. Folders above it are made where they are
    missing. An empty folder may be there.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    staging: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = _beside(path.absolute())
        staging.mkdir()
        for name, content in files.items():
            file = staging / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, file)
            else:
                file.write_bytes(content)
        staging.rename(path)
    except OSError as error:
        raise _unwritten("the folder cannot be written", path, error) from error
    finally:
        if staging is not None and staging.exists():
            shutil.rmtree(staging)
