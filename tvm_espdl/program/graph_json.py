"""A program as TVM's graph executor writes graphs: JSON with nodes, their inputs, and types.

Nodes are called as their first results are; weights are part of their operators and no nodes.
"""

from __future__ import annotations

import json
from typing import Any

from .program import Program


def graph_of(program: Program) -> dict[str, Any]:
    """The graph; what enters and constants first, then one node for each call.

    An entry of `attrs`' lists is a result of a node; `node_row_ptr` says where each node's begin.
    """
    entering = (*program.inputs, *(state.value for state in program.states), *program.constants)
    nodes: list[dict[str, Any]] = [{"op": "null", "name": n, "inputs": []} for n in entering]
    places = {name: [number, 0, 0] for number, name in enumerate(entering)}
    rows, entries = [*range(len(entering) + 1)], [*entering]
    for step in program.steps:
        attributes = {
            "num_outputs": str(len(step.outputs)),
            "num_inputs": str(len(step.inputs)),
            "flatten_data": "0",
            "func_name": step.operator.name,
        }
        inputs = [places[name] for name in step.inputs]
        for index, name in enumerate(step.outputs):
            places[name] = [len(nodes), index, 0]
        nodes.append(
            {"op": "tvm_op", "name": step.outputs[0], "attrs": attributes, "inputs": inputs}
        )
        entries += step.outputs
        rows.append(len(entries))
    tensors = [program.values.get(name) for name in entries]
    shapes = [
        list(program.constants[name].shape if tensor is None else tensor.shape)
        for name, tensor in zip(entries, tensors, strict=True)
    ]
    dtypes = [
        str(program.constants[name].dtype if tensor is None else tensor.dtype)
        for name, tensor in zip(entries, tensors, strict=True)
    ]
    return {
        "nodes": nodes,
        "arg_nodes": [*range(len(entering))],
        "heads": [places[name] for name in program.outputs],
        "attrs": {
            "dltype": ["list_str", dtypes],
            "shape": ["list_shape", shapes],
            "storage_id": ["list_int", [*range(len(entries))]],
            "device_index": ["list_int", [1] * len(entries)],
        },
        "node_row_ptr": rows,
    }


def graph_json(program: Program) -> str:
    """`graph_of` as text; any name of a tensor is in it as it is."""
    return json.dumps(graph_of(program), indent=2)
