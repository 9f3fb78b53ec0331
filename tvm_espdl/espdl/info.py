"""The `.info` text of a model, in the form that ESP-PPQ's users know, but written in a moment.

The text follows ESP-PPQ 1.3.12 to the character; it is for people, and nothing reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .array_text import array_text
from .building import BLOCK
from .schema import Attribute, Graph, Model, Node, Tensor, ValueInfo

TYPE_NAMES = {"float32": "FLOAT", "float64": "DOUBLE"}
GAP = "\n\n"


def info_of(model: Model) -> str:
    """The whole text, without a line break at its end."""
    graph = model.graph
    properties = "".join(f"{key}: {value}\n" for key, value in model.metadata.items())
    sections = {
        "initializers value": map(_tensor_value, graph.initializers.values()),
        "values info": map(_value, graph.values.values()),
        "test inputs value": map(_tensor_value, graph.test_inputs),
        "test outputs value": map(_tensor_value, graph.test_outputs),
    }
    return "\n".join(
        [
            f"model properties:\nmetadata_props:\n{properties}\n",
            *_graph(graph),
            *(f"{GAP}{title}:\n" + "\n".join(lines) for title, lines in sections.items()),
        ]
    )


def _graph(graph: Graph) -> Iterator[str]:
    """Header, constants, nodes and what is returned."""
    computed = [value for value in graph.inputs if value.name not in graph.initializers]
    yield f"graph {graph.name} ("
    yield from (f"  {_value(value)}" for value in computed)
    fed = {value.name for value in graph.inputs}
    yield ") initializers ("
    yield from (f"  {_tensor(t)}" for t in graph.initializers.values() if t.name not in fed)
    yield ") {"
    yield from (f"  {_node(node)}" for node in graph.nodes)
    yield f"  return {_names(value.name for value in graph.outputs)}"
    yield "}"


def _node(node: Node) -> str:
    attributes = sorted(f"{a.name} = {_attribute(a)}" for a in node.attributes.values())
    listed = f"[{', '.join(attributes)}]" if attributes else ""
    return f"{_names(node.outputs)} = {node.op_type}{listed}({_names(node.inputs)})"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"%{name}" for name in names)


def _attribute(attribute: Attribute) -> str:
    value = attribute.value
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, Tensor):
        return "<Tensor>"
    if isinstance(value, tuple) and attribute.kind != "strings":
        return f"[{', '.join(f'{v:.15g}' if isinstance(v, float) else str(v) for v in value)}]"
    if isinstance(value, tuple):
        return str(list(value))
    return "<Unknown>" if value is None else repr(value)


def _value(value: ValueInfo) -> str:
    described = "" if not value.dtype else f"[{_type(value.dtype, value.shape)}]"
    exponents = f", exponents: {list(value.exponents)}" if value.exponents else ""
    return f"%{value.name}{described}{exponents}"


def _tensor(tensor: Tensor) -> str:
    return f"%{tensor.name}[{_type(tensor.dtype, tensor.dims)}]"


def _type(dtype: str, shape: tuple[int, ...] | None) -> str:
    name = TYPE_NAMES.get(dtype, dtype.upper())
    if shape is None:
        return name
    return f"{name}, {'x'.join(map(str, shape)) or 'scalar'}"


def _tensor_value(tensor: Tensor) -> str:
    """The elements in stored order, with the zeros that fill the last block of 16 bytes."""
    stored = tensor.data.ljust(-(-len(tensor.data) // BLOCK) * BLOCK, b"\0")
    doc = f"docString: {tensor.doc.encode()!r}, " if tensor.doc else ""
    head = f"%{tensor.name}, shape: {list(tensor.dims)}, exponents: {list(tensor.exponents)}, {doc}"
    return f"{head}\nvalue: {array_text(np.frombuffer(stored, tensor.dtype))}"
