"""From a `Model` to the bytes of an EDL2 file, slot by slot as `reading` takes them out.

It writes what it is given, in the order given: the same model makes the same bytes. It decides
nothing about operators.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .building import Field, TableBuilder
from .schema import (
    DIMENSION_VALUE,
    DTYPES,
    KINDS,
    TENSOR_TYPE,
    Attribute,
    Graph,
    Model,
    Node,
    Tensor,
    ValueInfo,
)

MAGIC = b"EDL2"
HEADER = struct.Struct("<4sIII")
NUMBERS: Mapping[str, int] = {name: number for number, name in DTYPES.items()}
KIND_NUMBERS: Mapping[str, int] = {name: number for number, name in KINDS.items()}
SPARE_BYTES = 1 << 16


def file_of(model: Model) -> bytes:
    """An `.espdl` file: a header of 16 bytes, so that every block of the payload is aligned."""
    payload = payload_of(model)
    return HEADER.pack(MAGIC, 0, len(payload), 0) + payload


def payload_of(model: Model) -> bytes:
    """The FlatBuffer of a model."""
    graph = model.graph
    tensors = (*graph.initializers.values(), *graph.test_inputs, *graph.test_outputs)
    return _Writer(SPARE_BYTES + 2 * sum(len(tensor.data) + 256 for tensor in tensors)).model(model)


class _Writer(TableBuilder):
    """The tables of a model; `capacity` as in `TableBuilder`."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.values: dict[ValueInfo, int] = {}

    def model(self, model: Model) -> bytes:
        """All of it."""
        graph = self._graph(model.graph)
        opsets = [
            self.table(2, [(0, "offset", self._name(domain)), (1, "i64", version)])
            for domain, version in model.opsets
        ]
        metadata = [
            self.table(2, [(0, "offset", self.text(k)), (1, "offset", self.text(v))])
            for k, v in model.metadata.items()
        ]
        fields: list[Field] = [
            (0, "i32", model.ir_version),
            (1, "offset", self.offsets(opsets)),
            (2, "offset", self._name(model.producer_name)),
            (3, "offset", self._name(model.producer_version)),
            (4, "offset", self._name(model.domain)),
            (5, "i64", model.model_version),
            (6, "offset", self._name(model.doc)),
            (7, "offset", graph),
            (8, "offset", self.offsets(metadata)),
        ]
        return self.finish(self.table(10, fields))

    def _graph(self, graph: Graph) -> int:
        fields: list[Field] = [
            (0, "offset", self.offsets(map(self._node, graph.nodes))),
            (1, "offset", self._name(graph.name)),
            (2, "offset", self.offsets(map(self._tensor, graph.initializers.values()))),
            (3, "offset", self._name(graph.doc)),
            (4, "offset", self.offsets(map(self._value, graph.inputs))),
            (5, "offset", self.offsets(map(self._value, graph.outputs))),
            (6, "offset", self.offsets(map(self._value, graph.values.values()))),
            (8, "offset", self.offsets(map(self._tensor, graph.test_inputs))),
            (9, "offset", self.offsets(map(self._tensor, graph.test_outputs))),
        ]
        return self.table(10, fields)

    def _name(self, text: str) -> int:
        """A string that may be absent."""
        return self.text(text) if text else 0

    def _strings(self, texts: Iterable[str]) -> int:
        return self.offsets([self.text(text) for text in texts])

    def _node(self, node: Node) -> int:
        attributes = [self._attribute(a) for _, a in sorted(node.attributes.items())]
        fields: list[Field] = [
            (0, "offset", self._strings(node.inputs)),
            (1, "offset", self._strings(node.outputs)),
            (2, "offset", self._name(node.name)),
            (3, "offset", self.text(node.op_type)),
            (4, "offset", self._name(node.domain)),
            (5, "offset", self.offsets(attributes)),
            (6, "offset", self._name(node.doc)),
        ]
        return self.table(7, fields)

    def _attribute(self, attribute: Attribute) -> int:
        kind, value = attribute.kind, attribute.value
        contents: Mapping[str, Callable[[Any], Field]] = {
            "float": lambda number: (4, "inline float", number),
            "int": lambda number: (5, "inline int64", number),
            "string": lambda text: (6, "offset", self.characters(text)),
            "tensor": lambda tensor: (7, "offset", self._tensor(tensor)),
            "floats": lambda numbers: (10, "offset", self.numbers(numbers, "float32")),
            "ints": lambda numbers: (11, "offset", self.numbers(numbers, "int64")),
            "strings": lambda texts: (12, "offset", self._strings(texts)),
        }
        fields: list[Field] = [
            (0, "offset", self.text(attribute.name)),
            (3, "i32", KIND_NUMBERS[kind] if kind in KIND_NUMBERS else int(kind)),
        ]
        if value is not None:
            fields.append(contents[kind](value))
        return self.table(16, fields)

    def _tensor(self, tensor: Tensor) -> int:
        fields: list[Field] = [
            (0, "offset", self.numbers(tensor.dims, "int64")),
            (1, "i32", NUMBERS[tensor.dtype]),
            (6, "offset", self._name(tensor.name)),
            (7, "offset", self._name(tensor.doc)),
            (8, "offset", self.blocks(tensor.data)),
            (13, "offset", self.numbers(tensor.exponents, "int64")),
        ]
        return self.table(14, fields)

    def _value(self, value: ValueInfo) -> int:
        """One table for a value, wherever it is listed."""
        if value not in self.values:
            fields: list[Field] = [
                (0, "offset", self.text(value.name)),
                (1, "offset", self._type(value)),
                (2, "offset", self._name(value.doc)),
                (3, "offset", self.numbers(value.exponents, "int64")),
            ]
            self.values[value] = self.table(4, fields)
        return self.values[value]

    def _type(self, value: ValueInfo) -> int:
        if not value.dtype and value.shape is None:
            return 0
        number = NUMBERS.get(value.dtype, 0)
        described: list[Field] = [(0, "i32", number), (1, "offset", self._shape(value.shape))]
        return self.table(3, [(0, "u8", TENSOR_TYPE), (1, "offset", self.table(2, described))])

    def _shape(self, shape: tuple[int, ...] | None) -> int:
        if shape is None:
            return 0
        dimensions = []
        for extent in shape:
            value = self.table(3, [(0, "u8", DIMENSION_VALUE), (1, "i64", extent)])
            dimensions.append(self.table(2, [(0, "offset", value)]))
        return self.table(1, [(0, "offset", self.offsets(dimensions))])
