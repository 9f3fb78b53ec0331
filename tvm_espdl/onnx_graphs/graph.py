"""An index of an ONNX graph: who makes a tensor, who reads it, which tensors are constants.

Must never change the graph it looks at; it is made anew after each rewrite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]

#: The names of ONNX's own operator set.
STANDARD = ("", "ai.onnx")


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """The value of an attribute, or `default` where the node does not have it."""
    for entry in node.attribute:
        if entry.name == name:
            return helper.get_attribute_value(entry)
    return default


def input_of(node: NodeProto, place: int) -> str:
    """The name of an input; "" where the node does not have it."""
    return str(node.input[place]) if place < len(node.input) else ""


def captured_names(node: NodeProto) -> Iterator[str]:
    """The tensors that the bodies of a control-flow node may read from outside."""
    for entry in node.attribute:
        graphs = [entry.g] if entry.type == AttributeProto.GRAPH else list(entry.graphs)
        for graph in graphs:
            for inner in graph.node:
                yield from (name for name in inner.input if name)
                yield from captured_names(inner)
            yield from (value.name for value in graph.output)


class Graph:
    """The index of one model."""

    def __init__(self, model: ModelProto) -> None:
        self.model, graph = model, model.graph
        #: In the model's order, which ONNX keeps topological.
        self.nodes: list[NodeProto] = list(graph.node)
        self._tensors: dict[str, TensorProto] = {t.name: t for t in graph.initializer}
        self._values: dict[str, Array] = {}
        #: The real inputs, initializers excluded.
        self.inputs: list[str] = [v.name for v in graph.input if v.name not in self._tensors]
        self.outputs: list[str] = [value.name for value in graph.output]
        #: Tensors that something outside the plain nodes reads: outputs of the graph and those that
        #: control-flow bodies capture.
        self.visible = set(self.outputs)
        self._producer: dict[str, int] = {}
        self._consumers: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            self._producer.update((name, index) for name in node.output if name)
            for name in dict.fromkeys(node.input):
                self._consumers.setdefault(name, []).append(index)
            self.visible.update(captured_names(node))
        self._types = {
            value.name: value.type.tensor_type
            for value in (*graph.input, *graph.value_info, *graph.output)
        }

    def producer(self, tensor: str) -> int | None:
        """Index of the node that makes `tensor`; None for inputs and constants."""
        return self._producer.get(tensor)

    def maker(self, tensor: str) -> NodeProto | None:
        """The node that makes `tensor`; None for inputs and constants."""
        index = self.producer(tensor)
        return None if index is None else self.nodes[index]

    def consumers(self, tensor: str) -> list[int]:
        """Indices of the nodes that read `tensor`, each once, ascending."""
        return self._consumers.get(tensor, [])

    def only_consumer(self, tensor: str) -> int | None:
        """The node that reads `tensor`, if nothing else does, outputs included."""
        readers = self.consumers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self.visible else None

    def is_constant(self, tensor: str) -> bool:
        """Whether `tensor` is an initializer."""
        return tensor in self._tensors

    def constant(self, tensor: str) -> Array:
        """The value of an initializer."""
        if tensor not in self._values:
            self._values[tensor] = np.asarray(numpy_helper.to_array(self._tensors[tensor]))
        return self._values[tensor]

    def is_float(self, tensor: str) -> bool:
        """Whether `tensor` is known to be float32."""
        return self.type_of(tensor) == TensorProto.FLOAT

    def type_of(self, tensor: str) -> int:
        """ONNX's number of the type of `tensor`; 0, which is undefined, where it is not known."""
        if tensor in self._tensors:
            return int(self._tensors[tensor].data_type)
        return int(self._types[tensor].elem_type) if tensor in self._types else 0

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """The static shape of `tensor`, or None where it is not known."""
        if tensor in self._tensors:
            return tuple(self._tensors[tensor].dims)
        found = self._types.get(tensor)
        if found is None or not found.HasField("shape"):
            return None
        if not all(dimension.HasField("dim_value") for dimension in found.shape.dim):
            return None
        return tuple(dimension.dim_value for dimension in found.shape.dim)
