"""From FlatBuffer tables to a `Model`: which field stands in which slot.

It reads structure and types; what nodes mean is decided elsewhere. Nested graphs, functions and
annotations, which no operator of ESP-DL uses, are not read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from ..errors import ModelError
from .flatbuffer import Buffer, Table
from .schema import (
    DIMENSION_VALUE,
    DTYPES,
    KINDS,
    TENSOR_TYPE,
    Attribute,
    AttributeValue,
    Graph,
    Model,
    Node,
    Tensor,
    ValueInfo,
)

BLOCK = 16
LARGEST_RANK = 16
MOST_ELEMENTS = 1 << 40
# Where a tensor's data are when they are not raw: slot, and dtype in the file; as in ONNX.
IN_INT32 = ("int8", "uint8", "int16", "uint16", "int32", "bool")
TYPED_DATA = {
    **dict.fromkeys(IN_INT32, (3, "int32")),
    "float32": (2, "float32"),
    "int64": (5, "int64"),
    "float64": (11, "float64"),
    "uint32": (12, "uint64"),
    "uint64": (12, "uint64"),
}

NamedT = TypeVar("NamedT", Tensor, ValueInfo, Attribute)


def read_model(payload: memoryview, where: str, *, blocks: bool) -> Model:
    """Read the FlatBuffer of a model; refused if it is damaged in any way.

    Raw data are vectors of 16-byte `blocks` (EDL2), or of bytes (EDL1).
    """
    return _Reader(Buffer(payload, where), blocks).model()


class _Reader:
    def __init__(self, buffer: Buffer, blocks: bool) -> None:
        self.buffer, self.blocks = buffer, blocks

    def model(self) -> Model:
        root = self.buffer.root()
        graph = root.table(7)
        if graph is None:
            self.buffer.damaged("no graph")
        return Model(
            graph=self._graph(graph),
            metadata={t.text(0): t.text(1) for t in root.tables(8)},
            ir_version=root.integer(0),
            opsets=tuple((t.text(0), t.integer(1, "q")) for t in root.tables(1)),
            producer_name=root.text(2),
            producer_version=root.text(3),
            domain=root.text(4),
            model_version=root.integer(5, "q"),
            doc=root.text(6),
        )

    def _graph(self, table: Table) -> Graph:
        return Graph(
            nodes=tuple(map(self._node, table.tables(0))),
            initializers=self._by_name(map(self._tensor, table.tables(2)), "initializers"),
            inputs=tuple(map(self._value, table.tables(4))),
            outputs=tuple(map(self._value, table.tables(5))),
            values=self._by_name(map(self._value, table.tables(6)), "values"),
            test_inputs=tuple(map(self._tensor, table.tables(8))),
            test_outputs=tuple(map(self._tensor, table.tables(9))),
            name=table.text(1),
            doc=table.text(3),
        )

    def _by_name(self, items: Iterable[NamedT], what: str) -> dict[str, NamedT]:
        result: dict[str, NamedT] = {}
        for item in items:
            if result.setdefault(item.name, item) != item:
                self.buffer.damaged(f"two {what} named {item.name!r}")
        return result

    def _node(self, table: Table) -> Node:
        return Node(
            op_type=table.text(3),
            inputs=table.texts(0),
            outputs=table.texts(1),
            attributes=self._by_name(map(self._attribute, table.tables(5)), "attributes"),
            name=table.text(2),
            domain=table.text(4),
            doc=table.text(6),
        )

    def _attribute(self, table: Table) -> Attribute:
        name, number = table.text(0), table.integer(3)
        kind = KINDS.get(number, str(number))
        contents: Mapping[str, Callable[[], AttributeValue]] = {
            "float": lambda: float(table.scalar(4, "f") or 0.0),
            "int": lambda: table.integer(5, "q"),
            "string": lambda: str(table.raw(6, 1) or b"", "utf-8"),
            "tensor": lambda: None if (found := table.table(7)) is None else self._tensor(found),
            "floats": lambda: table.numbers(10, "float32"),
            "ints": lambda: table.numbers(11, "int64"),
            "strings": lambda: table.texts(12),
        }
        try:
            return Attribute(name, kind, contents[kind]() if kind in contents else None)
        except UnicodeDecodeError:
            self.buffer.damaged(f"attribute {name!r} is no UTF-8")

    def _tensor(self, table: Table) -> Tensor:
        name = table.text(6)
        dims = self._dims(table.numbers(0, "int64"), name)
        dtype = self._dtype(table.integer(1), name)
        if table.integer(10):
            raise ModelError(
                "its data are in another file",
                where=f"{self.buffer.where}, tensor {name!r}",
                allowed="data inside the .espdl file",
                try_="export the model again, without external data",
            )
        size = math.prod(dims) * np.dtype(dtype).itemsize
        data = self._data(table, dtype)
        if len(data) < size:
            self.buffer.damaged(f"{len(data)} bytes in tensor {name!r} of {size}")
        exponents = table.numbers(13, "int64")
        return Tensor(name, dtype, dims, bytes(data[:size]), exponents, table.text(7))

    def _data(self, table: Table, dtype: str) -> memoryview | bytes:
        raw = table.raw(8, BLOCK if self.blocks else 1)
        if raw is not None or dtype not in TYPED_DATA:
            return raw or b""
        slot, name = TYPED_DATA[dtype]
        stored = np.dtype(name).newbyteorder("<")
        values = np.frombuffer(table.raw(slot, stored.itemsize) or b"", stored)
        return values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()

    def _dims(self, dims: tuple[Any, ...], name: str) -> tuple[int, ...]:
        extents = [max(extent, 1) for extent in dims[:LARGEST_RANK]]
        fits = len(dims) <= LARGEST_RANK and math.prod(extents) <= MOST_ELEMENTS
        if not fits or min(dims, default=0) < 0:
            self.buffer.damaged(f"{name!r} of shape {dims[:LARGEST_RANK]}")
        return dims

    def _dtype(self, number: int, name: str) -> str:
        if number not in DTYPES:
            self.buffer.damaged(f"{name!r} of type number {number}")
        return DTYPES[number]

    def _value(self, table: Table) -> ValueInfo:
        name, info = table.text(0), table.table(1)
        exponents, doc = table.numbers(3, "int64"), table.text(2)
        described = info.table(1) if info is not None else None
        if info is None or described is None or info.integer(0, "B") != TENSOR_TYPE:
            return ValueInfo(name, exponents=exponents, doc=doc)
        number = described.integer(0)
        dtype = self._dtype(number, name) if number else ""
        return ValueInfo(name, dtype, self._shape(described.table(1), name), exponents, doc)

    def _shape(self, table: Table | None, name: str) -> tuple[int, ...] | None:
        if table is None:
            return None
        extents = []
        for dimension in table.tables(0):
            value = dimension.table(0)
            if value is None or value.integer(0, "b") != DIMENSION_VALUE:
                return None
            extents.append(value.integer(1, "q"))
        return self._dims(tuple(extents), name)
