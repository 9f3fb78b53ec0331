"""If nodes whose condition is known: the branch that counts takes the node's place.

Must never touch a node whose condition depends on values of a real input.
"""

from __future__ import annotations

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from .graph import STANDARD, Graph, attribute
from .new_names import new_name
from .rewriting import replace_nodes


def inline_branches(model: ModelProto) -> int:
    """Put the chosen branch of every If with a constant condition into its place.

    Names of a branch that are taken outside of it are changed; the names of the If's results stay.
    """
    graph, changed = Graph(model), 0
    taken = _names(model.graph)
    kept: list[NodeProto] = []
    for node in graph.nodes:
        is_if = node.op_type == "If" and node.domain in STANDARD
        if not is_if or not graph.is_constant(node.input[0]):
            kept.append(node)
        else:
            chosen = bool(graph.constant(node.input[0]).reshape(-1)[0])
            branch = attribute(node, "then_branch" if chosen else "else_branch", None)
            kept.extend(_inlined(branch, node, model, taken))
            changed += 1
    replace_nodes(model, kept)
    return changed


def deciding_inputs(model: ModelProto) -> list[str]:
    """Inputs of the network that the conditions of its If nodes follow from; none without one."""
    graph = Graph(model)
    reached = [node.input[0] for node in graph.nodes if node.op_type == "If" and node.input]
    for name in reached:  # grows on the way
        maker = graph.maker(name)
        names = [n for n in (maker.input if maker is not None else ()) if n]
        reached.extend(n for n in names if n not in reached)
    return [name for name in graph.inputs if name in reached]


def _names(graph: GraphProto) -> set[str]:
    names = {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    for node in graph.node:
        names.update((*node.input, *node.output))
        for inner in _bodies(node):
            names.update(_names(inner))
    return names


def _bodies(node: NodeProto) -> list[GraphProto]:
    return [
        graph
        for entry in node.attribute
        for graph in ([entry.g] if entry.type == AttributeProto.GRAPH else entry.graphs)
    ]


def _inlined(
    branch: GraphProto, node: NodeProto, model: ModelProto, taken: set[str]
) -> list[NodeProto]:
    body = onnx.GraphProto()
    body.CopyFrom(branch)
    own = [tensor.name for tensor in body.initializer]
    own += [name for inner in body.node for name in inner.output if name]
    made = {name for inner in body.node for name in inner.output if name}
    new: dict[str, str] = {}
    identities = []
    for value, result in zip(body.output, node.output, strict=True):
        if not result:
            continue
        if value.name in made and value.name not in new:
            new[value.name] = result
        else:  # a constant, a tensor from outside, or one result twice
            source = new.get(value.name, value.name)
            identities.append((source, result))
    for name in own:
        if name not in new:
            new[name] = new_name(f"{node.output[0]}/{name}", taken)
            taken.add(new[name])
    _rename(body, new)
    for tensor in body.initializer:
        model.graph.initializer.append(tensor)
    made_of = [(new.get(source, source), result) for source, result in identities]
    return [
        *body.node,
        *(onnx.helper.make_node("Identity", [source], [result]) for source, result in made_of),
    ]


def _rename(graph: GraphProto, new: dict[str, str]) -> None:
    for tensor in graph.initializer:
        tensor.name = new.get(tensor.name, tensor.name)
    for value in graph.output:
        value.name = new.get(value.name, value.name)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new.get(name, name) for name in names]
        for inner in _bodies(node):
            _rename(inner, new)
