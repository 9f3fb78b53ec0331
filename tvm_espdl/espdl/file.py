"""From a path or bytes to a `File`: the one door by which `.espdl` files come in.

It opens containers and reads models; it never interprets a node.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError
from ..files.output_files import path_of
from .container import MAGIC_NUMBERS, Package, choose, open_image, open_package
from .reading import read_model
from .schema import Model

Source = str | os.PathLike[str] | bytes


@dataclass(frozen=True)
class File:
    """A model and what it was wrapped in.

    Attributes
    ----------
    where : str
        The file and the model in it, for messages.
    container : str
        `EDL1`, `EDL2`, `PDL1`, `PDL2` or `PDL3`.
    format : str
        `EDL1` or `EDL2`.
    encrypted : bool
        Whether the file holds the model encrypted.
    nbytes : int
        Bytes of the model's FlatBuffer.
    model : Model
        The contents.
    package_version : str
        Of a PDL3 package.
    """

    where: str
    container: str
    format: str
    encrypted: bool
    nbytes: int
    model: Model
    package_version: str = ""


def is_espdl(source: object) -> bool:
    """Whether something is a path to an `.espdl` file or package, by its ending or first bytes."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = Path(source)
    if path.suffix == ".espdl":
        return True
    try:
        # A pipe would be waited for, and what was read of it be gone.
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(4) in MAGIC_NUMBERS
    except OSError:
        return False


def load_package(source: Source) -> Package:
    """Find the models of a file or package without reading them.

    Raises
    ------
    ModelError
        If the file is missing, no `.espdl` file, or damaged.
    """
    return open_package(_bytes_of(source), _where(source))


def load(source: Source, *, model: str | None = None, key: bytes | None = None) -> File:
    """Read a model.

    Parameters
    ----------
    source : path or bytes
        An `.espdl` file or a package of several.
    model : str, optional
        Which one of a package.
    key : bytes, optional
        16 bytes, for an encrypted model.

    Raises
    ------
    ModelError
        If the file is missing, no `.espdl` file or damaged, or the key is missing or wrong.
    """
    package, where = load_package(source), _where(source)
    name, view = choose(package, model, where)
    where = f"{where}, model {name!r}" if name else where
    format_, encrypted, payload = open_image(view, where, key)
    try:
        contents = read_model(payload, where, blocks=format_ == "EDL2")
    except ModelError as error:
        if not encrypted:
            raise
        raise ModelError(
            "the key does not fit, or the file is damaged",
            where=where,
            try_="the key that ESP-PPQ printed when it wrote this very file",
        ) from error
    return File(
        where=where,
        container=package.format,
        format=format_,
        encrypted=encrypted,
        nbytes=len(payload),
        model=contents,
        package_version=package.version,
    )


def _where(source: Source) -> str:
    return (
        "the given bytes"
        if isinstance(source, bytes)
        else os.fspath(path_of(source, "the file", ModelError))
    )


def _bytes_of(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        path = path_of(source, "the file", ModelError)
        if path.exists() and not path.is_file():
            raise OSError("no regular file")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            "the file cannot be read",
            where=os.fspath(source),
            found=error.strerror or str(error),
        ) from error
