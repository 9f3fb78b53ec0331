"""A bounded reader of FlatBuffers: every offset is checked, and work is paid for from a budget.

It knows tables, vectors and scalars, never what they mean. The budget makes a file that points
to the same bytes over and over end early, so that time and memory stay in proportion to its size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from .container import damaged

TABLE_COST = 16
BYTES_PER_BYTE = 8
LEAST_BUDGET = 1 << 16

_U16, _U32, _I32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")


class Buffer:
    """The bytes of one FlatBuffer of the file `where`, and what may still be spent on reading them.

    The root offset comes first: no size prefix and no identifier.
    """

    def __init__(self, data: bytes | memoryview, where: str) -> None:
        self.data = memoryview(data)
        self.where = where
        self.budget = BYTES_PER_BYTE * len(self.data) + LEAST_BUDGET

    def root(self) -> Table:
        """The root table."""
        return self.table(self.u32(0))

    def damaged(self, found: str) -> NoReturn:
        """Refuse the file: a `ModelError`, always."""
        damaged(self.where, found)

    def spend(self, cost: int) -> None:
        """Pay for reading `cost` bytes; refused when the file has been read several times over."""
        self.budget -= cost
        if self.budget < 0:
            self.damaged("its parts refer to each other without end")

    def check(self, at: int, size: int) -> None:
        """Refuse the file where `size` bytes at `at` are not inside."""
        if at < 0 or size < 0 or at + size > len(self.data):
            self.damaged(f"{size} bytes at offset {at} of {len(self.data)}")

    def unpack(self, form: struct.Struct, at: int) -> Any:
        """One scalar."""
        self.check(at, form.size)
        return form.unpack_from(self.data, at)[0]

    def u32(self, at: int) -> int:
        """An offset or a length."""
        return int(self.unpack(_U32, at))

    def table(self, at: int) -> Table:
        """The table at an absolute position."""
        self.spend(TABLE_COST)
        vtable = at - int(self.unpack(_I32, at))
        size, extent = int(self.unpack(_U16, vtable)), int(self.unpack(_U16, vtable + 2))
        self.check(vtable, size)
        self.check(at, extent)
        if size < 4 or size % 2 or extent < 4:
            self.damaged(f"a table of {size} and {extent} bytes at offset {at}")
        return Table(self, at, vtable, size, extent)

    def vector(self, at: int, item: int) -> tuple[int, int]:
        """First byte and number of items of the vector that the field at `at` refers to."""
        start = at + self.u32(at)
        count = self.u32(start)
        self.check(start + 4, count * item)
        self.spend(count * item)
        return start + 4, count

    def follow(self, at: int) -> Table:
        """The table that the field at `at` refers to."""
        return self.table(at + self.u32(at))

    def text(self, at: int) -> str:
        """The string that the field at `at` refers to."""
        start, count = self.vector(at, 1)
        try:
            return str(self.data[start : start + count], "utf-8")
        except UnicodeDecodeError:
            self.damaged(f"a string at offset {start} that is no UTF-8")


@dataclass(frozen=True, eq=False)
class Table:
    """One table; fields are asked for by their slot, absent ones have the default 0 or nothing."""

    buffer: Buffer
    at: int
    vtable: int
    vtable_size: int
    extent: int

    def place(self, slot: int, size: int) -> int | None:
        """Absolute position of a field of `size` bytes, None where absent."""
        entry = 4 + 2 * slot
        if entry + 2 > self.vtable_size:
            return None
        offset = int(self.buffer.unpack(_U16, self.vtable + entry))
        if offset == 0:
            return None
        if offset < 4 or offset + size > self.extent:
            self.buffer.damaged(f"a field outside of its table at offset {self.at}")
        return self.at + offset

    def scalar(self, slot: int, code: str) -> Any:
        """A number by its `struct` code, None where absent."""
        form = struct.Struct("<" + code)
        place = self.place(slot, form.size)
        return None if place is None else self.buffer.unpack(form, place)

    def integer(self, slot: int, code: str = "i") -> int:
        """An integer, 0 where absent."""
        return int(self.scalar(slot, code) or 0)

    def table(self, slot: int) -> Table | None:
        """A table, None where absent."""
        place = self.place(slot, 4)
        return None if place is None else self.buffer.follow(place)

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables, empty where absent."""
        return [self.buffer.follow(place) for place in self._references(slot)]

    def text(self, slot: int) -> str:
        """A string, empty where absent."""
        place = self.place(slot, 4)
        return "" if place is None else self.buffer.text(place)

    def texts(self, slot: int) -> tuple[str, ...]:
        """A vector of strings, empty where absent."""
        return tuple(self.buffer.text(place) for place in self._references(slot))

    def numbers(self, slot: int, dtype: str) -> tuple[Any, ...]:
        """A vector of numbers, empty where absent."""
        stored = np.dtype(dtype).newbyteorder("<")
        data = self.raw(slot, stored.itemsize)
        return tuple(np.frombuffer(data or b"", stored).tolist())

    def raw(self, slot: int, item: int) -> memoryview | None:
        """The bytes of a vector with items of `item` bytes, None where absent."""
        place = self.place(slot, 4)
        if place is None:
            return None
        start, count = self.buffer.vector(place, item)
        return self.buffer.data[start : start + count * item]

    def _references(self, slot: int) -> range:
        place = self.place(slot, 4)
        if place is None:
            return range(0)
        start, count = self.buffer.vector(place, 4)
        return range(start, start + 4 * count, 4)
