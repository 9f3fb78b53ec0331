"""Reads a file of exponents, or the .json that ESP-PPQ writes beside its .espdl.

Must never trust it: what is read has the types and limits that `record` states.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import zlib
from collections.abc import Iterator

import numpy as np

from ...files.checked_json import LARGEST_FILE, Node, Source, parse_json, read_json
from ...onnx_graphs.graph import Array
from ..exponents import HIGHEST_EXPONENT, LOWEST_EXPONENT
from .esp_ppq import EspPpqExponents, esp_ppq_exponents
from .record import FORMAT, VERSION, Chosen, Held, Place, SavedExponents

#: Products of two tensors have exponents beyond those of tensors; weights keep to these.
LIMITS = LOWEST_EXPONENT, HIGHEST_EXPONENT

#: Weights stand beside biases, so that they may lie this much above or below.
WEIGHT_LIMITS = 4 * LOWEST_EXPONENT, 4 * HIGHEST_EXPONENT

_KIND = "what quantize --save_exponents writes, or the .json of ESP-PPQ"
_HINT = "write the file again: tvm-espdl quantize --save_exponents FILE"

_OFFSETS = {"int8": np.int8, "int16": np.int16, "int32": np.int32}


def read_exponents(path: str | os.PathLike[str]) -> SavedExponents | EspPpqExponents:
    """Read a file of exponents.

    Raises DataError if it cannot be read, or is neither of the two forms.
    """
    return _parsed(read_json(path, _KIND, _HINT))


def parse_exponents(
    data: bytes, file: str = "the file of exponents"
) -> SavedExponents | EspPpqExponents:
    """What the bytes of a file of exponents say; `file` is its name in errors.

    Raises DataError, with the place in the file, if they are not what one of the two forms allows.
    """
    return _parsed(parse_json(data, Source(file, _KIND, _HINT)))


def _parsed(root: Node) -> SavedExponents | EspPpqExponents:
    entries = root.entries()
    if "configs" in entries and "values" in entries:
        return esp_ppq_exponents(root)
    if "format" not in entries or entries["format"].value != FORMAT:
        root.refuse(
            "no file of exponents",
            f"an object with format {FORMAT!r}, or with ESP-PPQ's configs and values",
            ", ".join(map(repr, [*entries][:5])) or "an empty object",
        )
    if "version" not in entries:
        root.refuse("an entry is missing", "version", "no 'version'")
    if entries["version"].value != VERSION:
        entries["version"].refuse(
            "another version of the format", str(VERSION), try_="read it with the tvm-espdl of then"
        )
    return _saved(root)


def _saved(root: Node) -> SavedExponents:
    fields = root.fields(
        "format",
        "version",
        "chip",
        "opset",
        "per_channel",
        "int16",
        "float",
        "tensors",
        "operands",
        "weights",
        optional=("channels", "integers"),
    )
    nothing = Node({}, "", root.source)
    weights = {
        name: tuple(one.integer(*WEIGHT_LIMITS) for one in node.items())
        for name, node in fields["weights"].entries().items()
    }
    channels = {
        name: tuple(_factor(one) for one in node.items())
        for name, node in fields.get("channels", nothing).entries().items()
    }
    integers = {
        place: _chosen(node)
        for name, node in fields.get("integers", nothing).entries().items()
        for place, node in _places(name, node)
    }
    return SavedExponents(
        fields["chip"].text(),
        fields["opset"].integer(1, 1000),
        fields["per_channel"].boolean(),
        tuple(one.text() for one in fields["int16"].items()),
        tuple(one.text() for one in fields["float"].items()),
        {name: _held(node) for name, node in fields["tensors"].entries().items()},
        {
            place: _held(node)
            for name, node in fields["operands"].entries().items()
            for place, node in _places(name, node)
        },
        weights,
        channels,
        integers,
    )


def _places(name: str, node: Node) -> Iterator[tuple[Place, Node]]:
    for text, one in node.entries().items():
        if not re.fullmatch("0|[1-9][0-9]{0,5}", text):
            node.refuse("not the place of an input", "0, 1, 2, ...", repr(text))
        yield (name, int(text)), one


def _held(node: Node) -> Held:
    fields = node.fields("bits", "exponent")
    bits = fields["bits"].integer(8, 16)
    if bits not in (8, 16):
        fields["bits"].refuse("no such width of integers", "8, 16")
    return Held(bits, fields["exponent"].integer(*LIMITS))


def _factor(node: Node) -> float:
    factor = node.number()
    if not 2.0**-60 <= factor <= 2.0**60:
        node.refuse("not a factor of channels", "numbers from 2^-60 to 2^60")
    return factor


def _chosen(node: Node) -> Chosen:
    fields = node.fields("check", "type", "count", "offsets")
    check = fields["check"].text()
    if not re.fullmatch("[0-9a-f]{8}", check):
        fields["check"].refuse("not a CRC-32", "eight digits of hex")
    kind = fields["type"].text()
    if kind not in _OFFSETS:
        fields["type"].refuse("no such type", ", ".join(_OFFSETS))
    return Chosen(check, _offsets(fields["offsets"], kind, fields["count"]))


def _offsets(node: Node, kind: str, count: Node) -> Array:
    """What base64 of zlib holds: `count` integers, little-endian."""
    dtype = np.dtype(_OFFSETS[kind]).newbyteorder("<")
    wanted = count.integer(0, LARGEST_FILE) * dtype.itemsize
    allowed = f"base64 of zlib of {wanted} bytes"
    unpacker = zlib.decompressobj()
    try:
        packed = base64.b64decode(node.text(), validate=True)
        # No more than was announced, whatever the text would grow to.
        data = unpacker.decompress(packed, wanted + 1)
    except (binascii.Error, zlib.error, ValueError) as problem:
        node.refuse("not packed integers", allowed, str(problem))
    if len(data) != wanted or not unpacker.eof or unpacker.unused_data:
        node.refuse("not as many integers as announced", allowed, "another number of bytes")
    return np.frombuffer(data, dtype).astype(_OFFSETS[kind])
