"""Small models of our own, as data and as files: the tests' own writer, on `flatbuffers`."""

import struct

import flatbuffers
import numpy as np

from tvm_espdl.espdl import Attribute, Graph, Model, Node, Tensor, ValueInfo
from tvm_espdl.espdl.schema import DTYPES

NUMBERS = {name: number for number, name in DTYPES.items()}
KINDS = {"float": 1, "int": 2, "string": 3, "tensor": 4, "floats": 6, "ints": 7, "strings": 8}


def attributes(**values):
    kinds = {int: "int", float: "float", str: "string"}
    return {
        name: Attribute(name, kinds.get(type(value)) or _list_kind(value), value)
        for name, value in sorted(values.items())
    }


def _list_kind(value):
    return "floats" if value and isinstance(value[0], float) else "ints"


def tensor(name, array, *exponents, doc=""):
    array = np.asarray(array)
    return Tensor(name, str(array.dtype), array.shape, array.tobytes(), exponents, doc)


def value(name, shape, exponent=0, dtype="int8"):
    return ValueInfo(name, dtype, tuple(shape), (exponent,))


def model(nodes, values, inputs, outputs, constants=(), **rest):
    by_name = {v.name: v for v in values}
    test = {key: rest.pop(key) for key in ("test_inputs", "test_outputs") if key in rest}
    graph = Graph(
        nodes=tuple(nodes),
        initializers={t.name: t for t in constants},
        inputs=tuple(by_name[name] for name in inputs),
        outputs=tuple(by_name[name] for name in outputs),
        values=by_name,
        name="small",
        **test,
    )
    return Model(graph, **rest)


def convolution(layout="(N/16)HWC16", exponents=(-7,), bias=1000, metadata=None, channels=16):
    """A 1x1 convolution with a bias."""
    source = np.random.default_rng(5)
    filter_ = source.integers(-99, 99, (1, 1, 16, channels)).astype(np.int8)
    biases = np.full(channels, bias, np.int32)
    node = Node(
        "Conv",
        ("x", "w", "b"),
        ("y",),
        attributes(
            activation="Relu",
            dilations=(1, 1),
            group=1,
            pads=(0, 0, 0, 0),
            quant_type="S8",
            strides=(1, 1),
        ),
        name="conv",
    )
    constants = [
        tensor("w", filter_, *exponents, doc=f"layout ==> {layout}"),
        tensor("b", biases, *(e - 5 for e in exponents)),
    ]
    values = [value("x", (1, 3, 4, 16), -5), value("y", (1, 3, 4, channels), -2)]
    return model([node], values, ["x"], ["y"], constants, metadata=metadata or {})


def addition(**rest):
    """Two tensors with stored results."""
    node = Node("Add", ("a", "b"), ("y",), attributes(quant_type="S8"), name="sum")
    values = [value(name, (1, 2, 2, 3), -4) for name in "aby"]
    a = np.arange(12, dtype=np.int8).reshape(1, 2, 2, 3)
    test = {
        "test_inputs": (tensor("a", a, -4), tensor("b", a + 1, -4)),
        "test_outputs": (tensor("y", 2 * a + 1, -4),),
    }
    return model([node], values, ["a", "b"], ["y"], **{**test, **rest})


def write(model_, magic=b"EDL2"):
    """A file of the model."""
    payload = _Writer(blocks=magic == b"EDL2").bytes_of(model_)
    return header(payload, magic)


def header(payload, magic=b"EDL2", mode=0):
    numbers = (mode, len(payload), 0)[: 3 if magic == b"EDL2" else 2]
    return magic + struct.pack(f"<{len(numbers)}I", *numbers) + payload


class _Writer:
    def __init__(self, blocks):
        self.builder = flatbuffers.Builder(1024)
        self.blocks = blocks

    def bytes_of(self, model_):
        graph = self._graph(model_.graph)
        metadata = self._offsets(
            self._table(2, [(0, "o", self._text(k)), (1, "o", self._text(v))])
            for k, v in model_.metadata.items()
        )
        fields = [(0, "i", model_.ir_version), (7, "o", graph), (8, "o", metadata)]
        self.builder.Finish(self._table(10, fields))
        return bytes(self.builder.Output())

    def _graph(self, graph):
        fields = [
            (0, "o", self._offsets(map(self._node, graph.nodes))),
            (1, "o", self._text(graph.name)),
            (2, "o", self._offsets(map(self._tensor, graph.initializers.values()))),
            (4, "o", self._offsets(map(self._value, graph.inputs))),
            (5, "o", self._offsets(map(self._value, graph.outputs))),
            (6, "o", self._offsets(map(self._value, graph.values.values()))),
            (8, "o", self._offsets(map(self._tensor, graph.test_inputs))),
            (9, "o", self._offsets(map(self._tensor, graph.test_outputs))),
        ]
        return self._table(10, fields)

    def _node(self, node):
        fields = [
            (0, "o", self._offsets(map(self._text, node.inputs))),
            (1, "o", self._offsets(map(self._text, node.outputs))),
            (2, "o", self._text(node.name)),
            (3, "o", self._text(node.op_type)),
            (5, "o", self._offsets(map(self._attribute, node.attributes.values()))),
        ]
        return self._table(7, fields)

    def _attribute(self, attribute):
        content = attribute.value
        fields = [(0, "o", self._text(attribute.name)), (3, "i", KINDS[attribute.kind])]
        if attribute.kind == "string":
            fields.append((6, "o", self.builder.CreateByteVector(content.encode())))
        elif attribute.kind == "ints":
            fields.append((11, "o", self._numbers(content, np.int64)))
        elif attribute.kind == "floats":
            fields.append((10, "o", self._numbers(content, np.float32)))
        elif attribute.kind == "strings":
            fields.append((12, "o", self._offsets(map(self._text, content))))
        elif attribute.kind == "tensor":
            fields.append((7, "o", self._tensor(content)))
        else:
            fields.append((4, "f", content) if attribute.kind == "float" else (5, "q", content))
        return self._table(16, fields)

    def _tensor(self, tensor_):
        data = tensor_.data
        if self.blocks:
            data = data.ljust(-(-len(data) // 16) * 16, b"\0")
        self.builder.StartVector(
            16 if self.blocks else 1, len(data) // (16 if self.blocks else 1), 16
        )
        for byte in reversed(data):
            self.builder.PrependByte(byte)
        raw = self.builder.EndVector()
        fields = [
            (0, "o", self._numbers(tensor_.dims, np.int64)),
            (1, "i", NUMBERS[tensor_.dtype]),
            (6, "o", self._text(tensor_.name)),
            (7, "o", self._text(tensor_.doc)),
            (8, "o", raw),
            (13, "o", self._numbers(tensor_.exponents, np.int64)),
        ]
        return self._table(14, fields)

    def _value(self, value_):
        dimensions = self._offsets(
            self._table(2, [(0, "o", self._table(3, [(0, "b", 1), (1, "q", extent)]))])
            for extent in value_.shape
        )
        shape = self._table(1, [(0, "o", dimensions)])
        described = self._table(2, [(0, "i", NUMBERS[value_.dtype]), (1, "o", shape)])
        info = self._table(3, [(0, "b", 1), (1, "o", described)])
        exponents = self._numbers(value_.exponents, np.int64)
        fields = [(0, "o", self._text(value_.name)), (1, "o", info), (3, "o", exponents)]
        return self._table(4, fields)

    def _text(self, text):
        return self.builder.CreateString(text)

    def _numbers(self, numbers, dtype):
        return self.builder.CreateNumpyVector(np.array(numbers, dtype))

    def _offsets(self, items):
        offsets = list(items)
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def _table(self, slots, fields):
        self.builder.StartObject(slots)
        for slot, kind, content in fields:
            if kind == "o":
                self.builder.PrependUOffsetTRelativeSlot(slot, content, 0)
            elif kind == "i":
                self.builder.PrependInt32Slot(slot, content, 0)
            elif kind == "b":
                self.builder.PrependUint8Slot(slot, content, 0)
            else:
                self.builder.ForceDefaults(True)
                if kind == "f":
                    self.builder.PrependFloat32Slot(slot, content, 0.0)
                else:
                    self.builder.PrependInt64Slot(slot, content, 0)
                self.builder.ForceDefaults(False)
        return self.builder.EndObject()
