"""Writes a file of exponents: one line a tensor, the same text for the same quantization."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...errors import ModelError
from ...files.output_files import write_whole
from .record import FORMAT, VERSION, Chosen, Held, Place, SavedExponents


def exponents_text(saved: SavedExponents) -> str:
    """The text of a file."""
    parts = [
        ("format", _line(FORMAT)),
        ("version", _line(VERSION)),
        ("chip", _line(saved.chip)),
        ("opset", _line(saved.opset)),
        ("per_channel", _line(saved.per_channel)),
        ("int16", _line([*saved.int16])),
        ("float", _line([*saved.floats])),
        ("tensors", _table({name: _held(held) for name, held in saved.tensors.items()})),
        ("operands", _table(_by_node((p, _held(held)) for p, held in saved.operands.items()))),
        ("weights", _table({name: [*exponents] for name, exponents in saved.weights.items()})),
    ]
    if saved.channels:
        parts.append(("channels", _table({n: [*f] for n, f in saved.channels.items()})))
    if saved.integers:
        entries = ((place, _chosen(chosen)) for place, chosen in saved.integers.items())
        parts.append(("integers", _table(_by_node(entries))))
    return "{\n" + ",\n".join(f" {_line(name)}: {text}" for name, text in parts) + "\n}\n"


def write_exponents(
    saved: SavedExponents | None, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a file; it appears whole or not at all.

    Raises ModelError where there is nothing to write, OutputError if the file exists or cannot be
    written.
    """
    if saved is None:
        raise ModelError(
            "the network has no exponents to save: it was quantized before",
            where=str(path),
            allowed="what was made of a float network",
            try_="its exponents are its own: it is what reproduces itself",
        )
    write_whole(path, exponents_text(saved).encode(), overwrite=overwrite)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _table(entries: Mapping[str, Any]) -> str:
    if not entries:
        return "{}"
    lines = ",\n".join(f"  {_line(name)}: {_line(value)}" for name, value in entries.items())
    return "{\n" + lines + "\n }"


def _by_node(entries: Iterable[tuple[Place, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for (node, place), entry in entries:
        found.setdefault(node, {})[str(place)] = entry
    return found


def _held(held: Held) -> dict[str, int]:
    return {"bits": held.bits, "exponent": held.exponent}


def _chosen(chosen: Chosen) -> dict[str, Any]:
    offsets = chosen.offsets
    packed = zlib.compress(offsets.astype(np.dtype(offsets.dtype).newbyteorder("<")).tobytes(), 9)
    return {
        "check": chosen.check,
        "type": offsets.dtype.name,
        "count": offsets.size,
        "offsets": base64.b64encode(packed).decode(),
    }
