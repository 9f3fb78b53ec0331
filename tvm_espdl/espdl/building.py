"""A short builder of FlatBuffers on top of `flatbuffers`: texts, vectors, tables, blocks of bytes.

It knows the form only; which field stands in which slot is `writing`'s. Equal texts are stored
once, and a block of bytes is copied in one piece, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import flatbuffers
import numpy as np

BLOCK = 16
OFFSET_BYTES = 4

Kind = Literal["offset", "u8", "i32", "i64", "inline float", "inline int64"]
Field = tuple[int, Kind, Any]


class TableBuilder:
    """Builds one FlatBuffer from its leaves to its root; `capacity` is grown where too small."""

    def __init__(self, capacity: int) -> None:
        self._builder: Any = flatbuffers.Builder(capacity)
        self._texts: dict[str, int] = {}

    def finish(self, root: int) -> bytes:
        """The whole FlatBuffer: root offset first, no identifier, no size prefix."""
        self._builder.Finish(root)
        return bytes(self._builder.Output())

    def text(self, text: str) -> int:
        """A string; the same one for equal texts."""
        if text not in self._texts:
            self._texts[text] = int(self._builder.CreateString(text))
        return self._texts[text]

    def characters(self, text: str) -> int:
        """A vector of UTF-8 bytes without a zero at its end."""
        return int(self._builder.CreateByteVector(text.encode()))

    def numbers(self, numbers: Sequence[float], dtype: str) -> int:
        """A vector of numbers of a NumPy type."""
        return int(self._builder.CreateNumpyVector(np.array(numbers, dtype)))

    def offsets(self, offsets: Iterable[int]) -> int:
        """A vector of references to what is built already."""
        referred = list(offsets)
        self._builder.StartVector(OFFSET_BYTES, len(referred), OFFSET_BYTES)
        for offset in reversed(referred):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def blocks(self, data: bytes) -> int:
        """A vector of 16-byte blocks, zeros after the data, each at a multiple of 16."""
        builder, count = self._builder, -(-len(data) // BLOCK)
        builder.StartVector(BLOCK, count, BLOCK)
        builder.head -= count * BLOCK
        start = builder.head
        builder.Bytes[start : start + len(data)] = data
        builder.Bytes[start + len(data) : start + count * BLOCK] = bytes(count * BLOCK - len(data))
        return int(builder.EndVector())

    def table(self, slots: int, fields: Iterable[Field]) -> int:
        """A table of so many slots; references to nothing (0) and scalars of 0 are left out.

        Inline values, which are structs of one member, are written even where they are 0.
        """
        builder = self._builder
        prepend = {
            "offset": builder.PrependUOffsetTRelativeSlot,
            "u8": builder.PrependUint8Slot,
            "i32": builder.PrependInt32Slot,
            "i64": builder.PrependInt64Slot,
            "inline float": builder.PrependFloat32Slot,
            "inline int64": builder.PrependInt64Slot,
        }
        builder.StartObject(slots)
        for slot, kind, value in fields:
            builder.ForceDefaults(kind.startswith("inline"))
            prepend[kind](slot, value, 0)
        builder.ForceDefaults(False)
        return int(builder.EndObject())
