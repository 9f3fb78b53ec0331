"""A network without some of its nodes: their results become inputs, what they read outputs.

Must never change the model it is given. The result serves estimates, not inference.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from ..errors import ModelError
from .graph import STANDARD, Graph, captured_names


def of_open_size(model: ModelProto) -> list[NodeProto]:
    """Nodes whose results have sizes that depend on values: their inputs' shapes do not tell."""
    graph = Graph(onnx.shape_inference.infer_shapes(model, data_prop=True))
    return [
        node
        for node in model.graph.node
        if node.domain in STANDARD
        and all(graph.shape(name) is not None for name in node.input if name)
        and any(graph.shape(name) is None for name in node.output if name)
    ]


def before(node: NodeProto, model: ModelProto) -> str:
    """Where to end a model before one of its nodes: what it reads of others, if there is some."""
    made = {name for other in model.graph.node for name in other.output}
    read = (*node.input, *captured_names(node))
    return next((name for name in read if name in made), (*read, *node.output)[0])


def left_out(model: ModelProto, nodes: Sequence[NodeProto]) -> ModelProto:
    """The network without `nodes`.

    A result whose shape nobody states is taken to have that of what its node reads first.

    Raises
    ------
    ModelError
        If nothing else is left.
    """
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    graph, gone = rest.graph, {name for node in nodes for name in node.output if name}
    kept = [node for node in graph.node if gone.isdisjoint(node.output)]
    if not any(node.op_type != "Constant" for node in kept):
        raise ModelError(
            "no node of the model can be compiled",
            found=", ".join(sorted({node.op_type for node in nodes})),
            try_="write it with operators of docs/operators.md",
        )
    index = Graph(model)
    values = _values(model, nodes)
    del graph.node[:]
    graph.node.extend(kept)
    read = {name for node in kept for name in node.input}
    outputs = [value for value in graph.output if value.name not in gone]
    read_by = ((*node.input, *sorted(captured_names(node))) for node in nodes)
    of_nodes = dict.fromkeys(name for names in read_by for name in names if name)
    made = {name for node in kept for name in node.output}
    stated = {value.name for value in outputs}
    outputs += [
        values[name]
        for name in of_nodes
        if name in made and name in values and name not in stated and not index.is_constant(name)
    ]
    inputs = [value for value in graph.input if value.name in read]
    inputs += [values[name] for name in sorted(gone & read) if name in values]
    for place, found in ((graph.output, outputs), (graph.input, inputs)):
        copies = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in found]
        del place[:]
        place.extend(copies)
    return rest


def _values(model: ModelProto, nodes: Sequence[NodeProto]) -> dict[str, ValueInfoProto]:
    """Types and shapes, with those of the nodes' results where they are not stated."""
    graph = model.graph
    values = {v.name: v for v in (*graph.input, *graph.output, *graph.value_info)}
    gone = {name for node in nodes for name in node.output}
    # Shapes follow, node by node, up to those that nobody knows and behind them again.
    for _ in range(len(nodes) + 1):
        trial = onnx.ModelProto()
        trial.CopyFrom(model)
        del trial.graph.node[:]
        trial.graph.node.extend(n for n in graph.node if gone.isdisjoint(n.output))
        trial.graph.input.extend(values[name] for name in sorted(gone) if name in values)
        del trial.graph.value_info[:]
        del trial.graph.output[:]
        inferred = onnx.shape_inference.infer_shapes(trial).graph
        values |= {v.name: v for v in inferred.value_info}
        for node in nodes:
            first = next((name for name in node.input if name in values), None)
            for name in node.output:
                if name and not _has_shape(values.get(name)) and first is not None:
                    values[name] = _like(name, values[first])
    return values


def _has_shape(value: ValueInfoProto | None) -> bool:
    return value is not None and value.type.tensor_type.HasField("shape")


def _like(name: str, value: ValueInfoProto) -> ValueInfoProto:
    of_type = value.type.tensor_type
    shape = [dim.dim_value or 1 for dim in of_type.shape.dim]
    return helper.make_tensor_value_info(name, of_type.elem_type or TensorProto.FLOAT, shape)
