"""The `.info` text of a model, in the form that ESP-PPQ's users know, but written in a moment.

The text follows ESP-PPQ 1.3.12 to the character; it is for people, and nothing reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..ops.base.rounding import Array
from .building import BLOCK
from .schema import Attribute, Graph, Model, Node, Tensor, ValueInfo

TYPE_NAMES = {"float32": "FLOAT", "float64": "DOUBLE"}
GAP = "\n\n"
# Of an array as NumPy prints it.
LINE = 75
PREFIX = "array(["
FEW = 1000  # up to here NumPy's own text is soon done


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


def array_text(array: Array) -> str:
    """`repr(array)` of a 1-D array, all elements printed, in time that grows with its size only.

    NumPy takes minutes for a few million integers; here each is looked up or formatted once. Floats
    and short arrays are formatted by NumPy.
    """
    if array.size <= FEW or array.dtype.kind not in "iu":
        with np.printoptions(threshold=max(array.size, 1)):
            return repr(array)
    words = _words(array)
    width = len(words[0])
    # A line ends with a comma, which has to fit; the last one with a bracket.
    per_line = (LINE - 1 - len(")") - len(PREFIX) - width) // (width + 2) + 1
    indent = ",\n" + " " * len(PREFIX)
    lines = [", ".join(words[at : at + per_line]) for at in range(0, len(words), per_line)]
    text = f"{PREFIX}{indent.join(lines)}]"
    ending = f"dtype={array.dtype})" if array.dtype != np.int64 else ""
    if not ending:
        return f"{text})"
    last = len(PREFIX) + len(lines[-1]) + 1
    fits = last + len(ending) + 1 < LINE
    return f"{text}, {ending}" if fits else f"{text},\n      {ending}"


def _words(array: Array) -> list[str]:
    """Each number, all of the width that the widest one has."""
    low, high = int(array.min()), int(array.max())
    width = max(len(str(low)), len(str(high)))
    if high - low < 1 << 16:
        table = [f"{value:>{width}}" for value in range(low, high + 1)]
        return [table[place] for place in (array.astype(np.int64) - low).tolist()]
    return [f"{value:>{width}}" for value in array.tolist()]
