"""What wraps a model: the EDL1 and EDL2 headers, the PDL1, PDL2 and PDL3 packages, encryption.

Bytes in, bytes out: it never looks into a model.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import NoReturn

from ..errors import ModelError
from .aes import BLOCK, ctr

HEADERS = {b"EDL1": 12, b"EDL2": 16}
PACKAGES = {b"PDL1": 8, b"PDL2": 8, b"PDL3": 60}
VERSION = slice(4, 20)
CHECKSUM = slice(24, 56)
MOST_ENTRIES = 4096
MAGIC_NUMBERS = (*HEADERS, *PACKAGES)


@dataclass(frozen=True, eq=False)
class Package:
    """The models of a file, not yet opened; a file with a single one has the name "".

    Attributes
    ----------
    format : str
        `EDL1`, `EDL2`, `PDL1`, `PDL2` or `PDL3`.
    version : str
        Of a PDL3 package, as its maker gave it.
    """

    format: str
    images: dict[str, memoryview]
    version: str = ""


def open_package(data: bytes, where: str) -> Package:
    """Find the models of a file; refused if it is no `.espdl` file or package, or damaged."""
    magic = bytes(data[:4])
    view = memoryview(data)
    if magic in HEADERS:
        return Package(magic.decode(), {"": view})
    if magic not in PACKAGES:
        raise ModelError(
            "this is no .espdl file",
            where=where,
            found=f"first bytes {magic!r}",
            allowed=", ".join(magic.decode() for magic in MAGIC_NUMBERS),
            try_="a file that ESP-PPQ or this package has written",
        )
    if len(data) < PACKAGES[magic]:
        damaged(where, f"{len(data)} bytes")
    version = ""
    if magic == b"PDL3":
        view = _verified(data, where)
        version = bytes(data[VERSION]).split(b"\0")[0].decode("ascii", "replace")
    return Package(magic.decode(), _entries(view, PACKAGES[magic], where), version)


def _verified(data: bytes, where: str) -> memoryview:
    (size,) = struct.unpack_from("<I", data, 20)
    if not PACKAGES[b"PDL3"] <= size <= len(data):
        damaged(where, f"{len(data)} bytes of {size}")
    plain = bytearray(data[:size])
    plain[CHECKSUM] = bytes(32)
    if hashlib.sha256(plain).digest() != data[CHECKSUM]:
        damaged(where, "another checksum than the package states")
    return memoryview(data)[:size]


def _entries(view: memoryview, header: int, where: str) -> dict[str, memoryview]:
    (count,) = struct.unpack_from("<I", view, header - 4)
    if count > MOST_ENTRIES or header + 12 * count > len(view):
        damaged(where, f"a list of {count} models")
    images: dict[str, memoryview] = {}
    for number in range(count):
        start, name_at, name_size = struct.unpack_from("<III", view, header + 12 * number)
        if name_at + name_size > len(view) or start >= len(view):
            damaged(where, f"model {number} outside of the file")
        name = bytes(view[name_at : name_at + name_size]).rstrip(b"\0").decode("utf-8", "replace")
        if name in images:
            damaged(where, f"two models named {name!r}")
        images[name] = view[start:]
    if not images:
        damaged(where, "no model")
    return images


def choose(package: Package, name: str | None, where: str) -> tuple[str, memoryview]:
    """The model called `name`, or the only one; for packages also without its `.espdl`."""
    names = list(package.images)
    for found, view in package.images.items():
        if name in (found, found.removesuffix(".espdl")) or (name is None and len(names) == 1):
            return found, view
    raise ModelError(
        "a package of several models" if name is None else "no such model in the file",
        where=where,
        found=None if name is None else repr(name),
        allowed=", ".join(map(repr, names)),
        try_="name one of them: from_espdl(..., name=…), or --package_model on the command line",
    )


def open_image(view: memoryview, where: str, key: bytes | None) -> tuple[str, bool, memoryview]:
    """The format of a model, whether it is encrypted, and its FlatBuffer, plain.

    It is refused if damaged, or if its key is missing.

    Parameters
    ----------
    view : memoryview
        From the model's magic on; what follows the payload is not looked at.
    key : bytes or None
        16 bytes, for an encrypted model.
    """
    magic = bytes(view[:4])
    header = HEADERS.get(magic)
    if header is None or len(view) < header:
        damaged(where, f"a model that begins with {magic!r}")
    mode, size = struct.unpack_from("<II", view, 4)
    if magic == b"EDL1" and len(view) >= HEADERS[b"EDL2"] and not any(view[12:16]):
        # Files of December 2024 bear the old magic in front of the new header, which ends with
        # zeros where a model of the old one never begins with them.
        magic, header = b"EDL2", HEADERS[b"EDL2"]
    if mode not in (0, 1):
        damaged(where, f"encryption mode {mode}")
    if header + size > len(view):
        damaged(where, f"{len(view)} bytes where the header states {header + size}")
    payload = view[header : header + size]
    if mode == 1:
        payload = memoryview(_decrypted(payload, key, where))
    return magic.decode(), mode == 1, payload


def _decrypted(payload: memoryview, key: bytes | None, where: str) -> bytes:
    if key is None or len(key) != BLOCK:
        raise ModelError(
            "the model is encrypted",
            where=where,
            found="no key" if key is None else f"a key of {len(key)} bytes",
            allowed="its key of 16 bytes, which ESP-PPQ printed when it wrote the file",
            try_="from_espdl(..., key=…), or --key with 32 hexadecimal digits",
        )
    return ctr(bytes(payload), key)


def damaged(where: str, found: str) -> NoReturn:
    """Refuse a file: a `ModelError`, always."""
    raise ModelError(
        "the file is damaged", where=where, found=found, try_="copy or download the file again"
    )
