"""Rewrites that drop what nothing reads: nodes, constants, and optional outputs of nodes.

Must never drop an input of the network; changes the model it is given in place.
"""

from __future__ import annotations

import onnx
from onnx import ModelProto

from ..onnx_graphs.graph import STANDARD, Graph, captured_names
from ..onnx_graphs.rewriting import opset_of, replace_nodes


def drop_unread_outputs(model: ModelProto) -> int:
    """Take optional outputs that nothing reads away, such as the indices of MaxPool."""
    graph = Graph(model)
    dropped = 0
    for node in model.graph.node:
        if len(node.output) < 2 or node.domain not in STANDARD:
            continue
        schema = onnx.defs.get_schema(node.op_type, opset_of(model))
        optional = onnx.defs.OpSchema.FormalParameterOption.Optional
        for place, name in enumerate(node.output):
            option = schema.outputs[min(place, len(schema.outputs) - 1)].option
            if name and option == optional and not _is_read(name, graph):
                node.output[place] = ""
                dropped += 1
        while node.output and not node.output[-1]:
            del node.output[-1]
    return dropped


def _is_read(name: str, graph: Graph) -> bool:
    return bool(graph.consumers(name)) or name in graph.visible


def remove_unused(model: ModelProto) -> int:
    """Drop nodes and initializers that no output depends on."""
    needed = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(name for name in node.input if name)
            needed.update(captured_names(node))
    dropped = replace_nodes(model, list(reversed(kept)))
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    if len(tensors) < len(model.graph.initializer):
        dropped += len(model.graph.initializer) - len(tensors)
        copies = [onnx.TensorProto.FromString(t.SerializeToString()) for t in tensors]
        del model.graph.initializer[:]
        model.graph.initializer.extend(copies)
    return dropped


def clear_descriptions(model: ModelProto) -> int:
    """Take the texts away that exporters write beside a network and its parts."""
    graph = model.graph
    parts = (*graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info)
    described = [part for part in (model, graph, *parts) if part.doc_string]
    for part in described:
        part.ClearField("doc_string")
    return len(described)


def clear_shapes(model: ModelProto) -> int:
    """Take the types and shapes of inner tensors away; those of inputs and outputs stay."""
    count = len(model.graph.value_info)
    del model.graph.value_info[:]
    return count


def remove_listed_constants(model: ModelProto) -> None:
    """Take initializers from the list of inputs, where they stood before IR version 4."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for place in reversed(range(len(model.graph.input))):
        if model.graph.input[place].name in constants:
            del model.graph.input[place]
