"""From a `Model` to the bytes of an EDL2 file, slot by slot as `reading` takes them out.

It writes what it is given, in the order given: the same model makes the same bytes. It decides
nothing about operators.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from .building import Field, TableBuilder
from .schema import DTYPES, Attribute, Graph, Model, Node, Tensor, ValueInfo

MAGIC = b"EDL2"
HEADER = struct.Struct("<4sIII")
NUMBERS: Mapping[str, int] = {name: number for number, name in DTYPES.items()}
KINDS: Mapping[str, int] = {
    "float": 1,
    "int": 2,
    "string": 3,
    "tensor": 4,
    "floats": 6,
    "ints": 7,
    "strings": 8,
}
SPARE_BYTES = 1 << 16
TENSOR_TYPE = 1
DIMENSION_VALUE = 1


def file_of(model: Model) -> bytes:
    """An `.espdl` file: a header of 16 bytes, so that every block of the payload is aligned."""
    payload = payload_of(model)
    return HEADER.pack(MAGIC, 0, len(payload), 0) + payload


def payload_of(model: Model) -> bytes:
    """The FlatBuffer of a model."""
    graph = model.graph
    tensors = (*graph.initializers.values(), *graph.test_inputs, *graph.test_outputs)
    return _Writer(SPARE_BYTES + 2 * sum(len(tensor.data) + 256 for tensor in tensors)).model(model)


class _Writer:
    def __init__(self, capacity: int) -> None:
        self.builder = TableBuilder(capacity)
        self.values: dict[ValueInfo, int] = {}

    def model(self, model: Model) -> bytes:
        """All of it."""
        builder = self.builder
        graph = self._graph(model.graph)
        opsets = [
            builder.table(2, [(0, "offset", self._name(domain)), (1, "i64", version)])
            for domain, version in model.opsets
        ]
        metadata = [
            builder.table(2, [(0, "offset", builder.text(k)), (1, "offset", builder.text(v))])
            for k, v in model.metadata.items()
        ]
        fields: list[Field] = [
            (0, "i32", model.ir_version),
            (1, "offset", builder.offsets(opsets)),
            (2, "offset", self._name(model.producer_name)),
            (3, "offset", self._name(model.producer_version)),
            (4, "offset", self._name(model.domain)),
            (5, "i64", model.model_version),
            (6, "offset", self._name(model.doc)),
            (7, "offset", graph),
            (8, "offset", builder.offsets(metadata)),
        ]
        return builder.finish(builder.table(10, fields))

    def _graph(self, graph: Graph) -> int:
        offsets = self.builder.offsets
        fields: list[Field] = [
            (0, "offset", offsets(map(self._node, graph.nodes))),
            (1, "offset", self._name(graph.name)),
            (2, "offset", offsets(map(self._tensor, graph.initializers.values()))),
            (3, "offset", self._name(graph.doc)),
            (4, "offset", offsets(map(self._value, graph.inputs))),
            (5, "offset", offsets(map(self._value, graph.outputs))),
            (6, "offset", offsets(map(self._value, graph.values.values()))),
            (8, "offset", offsets(map(self._tensor, graph.test_inputs))),
            (9, "offset", offsets(map(self._tensor, graph.test_outputs))),
        ]
        return self.builder.table(10, fields)

    def _name(self, text: str) -> int:
        """A string that may be absent."""
        return self.builder.text(text) if text else 0

    def _texts(self, texts: Iterable[str]) -> int:
        return self.builder.offsets([self.builder.text(text) for text in texts])

    def _node(self, node: Node) -> int:
        attributes = [self._attribute(a) for _, a in sorted(node.attributes.items())]
        fields: list[Field] = [
            (0, "offset", self._texts(node.inputs)),
            (1, "offset", self._texts(node.outputs)),
            (2, "offset", self._name(node.name)),
            (3, "offset", self.builder.text(node.op_type)),
            (4, "offset", self._name(node.domain)),
            (5, "offset", self.builder.offsets(attributes)),
            (6, "offset", self._name(node.doc)),
        ]
        return self.builder.table(7, fields)

    def _attribute(self, attribute: Attribute) -> int:
        number = KINDS.get(attribute.kind)
        fields: list[Field] = [
            (0, "offset", self.builder.text(attribute.name)),
            (3, "i32", int(attribute.kind) if number is None else number),
            *self._content(attribute),
        ]
        return self.builder.table(16, fields)

    def _content(self, attribute: Attribute) -> list[Field]:
        value = attribute.value
        if isinstance(value, tuple):
            return [self._list(attribute.kind, value)]
        if isinstance(value, Tensor):
            return [(7, "offset", self._tensor(value))]
        if isinstance(value, str):
            return [(6, "offset", self.builder.characters(value))]
        if value is None:
            return []
        is_float = attribute.kind == "float"
        return [(4, "inline float", value) if is_float else (5, "inline int64", value)]

    def _list(self, kind: str, values: tuple[float | str, ...]) -> Field:
        if kind == "strings":
            return (12, "offset", self._texts(map(str, values)))
        numbers = [number for number in values if not isinstance(number, str)]
        slot, dtype = (10, "float32") if kind == "floats" else (11, "int64")
        return (slot, "offset", self.builder.numbers(numbers, dtype))

    def _tensor(self, tensor: Tensor) -> int:
        fields: list[Field] = [
            (0, "offset", self.builder.numbers(tensor.dims, "int64")),
            (1, "i32", NUMBERS[tensor.dtype]),
            (6, "offset", self._name(tensor.name)),
            (7, "offset", self._name(tensor.doc)),
            (8, "offset", self.builder.blocks(tensor.data)),
            (13, "offset", self.builder.numbers(tensor.exponents, "int64")),
        ]
        return self.builder.table(14, fields)

    def _value(self, value: ValueInfo) -> int:
        """One table for a value, wherever it is listed."""
        if value not in self.values:
            fields: list[Field] = [
                (0, "offset", self.builder.text(value.name)),
                (1, "offset", self._type(value)),
                (2, "offset", self._name(value.doc)),
                (3, "offset", self.builder.numbers(value.exponents, "int64")),
            ]
            self.values[value] = self.builder.table(4, fields)
        return self.values[value]

    def _type(self, value: ValueInfo) -> int:
        if not value.dtype and value.shape is None:
            return 0
        table, number = self.builder.table, NUMBERS.get(value.dtype, 0)
        described: list[Field] = [(0, "i32", number), (1, "offset", self._shape(value.shape))]
        return table(3, [(0, "u8", TENSOR_TYPE), (1, "offset", table(2, described))])

    def _shape(self, shape: tuple[int, ...] | None) -> int:
        if shape is None:
            return 0
        table = self.builder.table
        dimensions = []
        for extent in shape:
            value = table(3, [(0, "u8", DIMENSION_VALUE), (1, "i64", extent)])
            dimensions.append(table(2, [(0, "offset", value)]))
        return table(1, [(0, "offset", self.builder.offsets(dimensions))])
