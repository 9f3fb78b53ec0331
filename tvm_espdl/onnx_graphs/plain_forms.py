"""What ONNX lets one say in several ways, said in the one way that everything behind reads.

Exact rewrites only: none changes a value or the name of a tensor that stays. Constants are folded
where shapes or branches depend on them; quantization stays where it is.
"""

from __future__ import annotations

import onnx
from onnx import ModelProto, NodeProto

from .branches import inline_branches
from .constant_folding import empty_tensors, fold_constants
from .constant_nodes import constants_to_initializers
from .graph import Graph, captured_names
from .paddings import explicit_output_shapes, explicit_pads, whole_windows
from .rewriting import infer, of_each_node

#: Nodes that say something about shapes, or choose by it.
_OF_SHAPES = {"Shape", "Size", "If", "ConstantOfShape", "Range", "NonZero", "EyeLike", "CastLike"}

#: Operators that may have an input without elements where they mean none; which inputs.
_OPTIONAL = {"Resize": (1, 2, 3)}

_KEPT = {"QuantizeLinear", "DequantizeLinear", "Constant"}


def plain_forms(model: ModelProto) -> ModelProto:
    """Return `model`, of static shapes, in plain forms; itself where it has nothing else.

    `If` with a condition that is known is its branch; arithmetic on shapes and constants is done;
    `auto_pad`, `ceil_mode` and `output_shape` are pads; inputs without elements that mean none are
    none.

    Raises
    ------
    ModelError
        If a node states pads that fit no shape of its input.
    """
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    changed = 0
    if _needs_folding(plain):
        constants_to_initializers(plain)
        changed += _resolved(plain)
    changed += _drop_empty_inputs(plain) + _drop_empty_parts(plain)
    changed += explicit_pads(plain) + whole_windows(plain) + explicit_output_shapes(plain)
    if not changed:
        return model
    infer(plain)
    return plain


def _resolved(model: ModelProto) -> int:
    changed = fold_constants(model)
    while count := inline_branches(model):
        infer(model)
        changed += count + fold_constants(model)
    return changed


def _needs_folding(model: ModelProto) -> bool:
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants.update(node.output)
    return bool(empty_tensors(Graph(model))) or any(
        node.op_type in _OF_SHAPES
        or (node.op_type not in _KEPT and any(node.input) and _all_in(node, constants))
        for node in model.graph.node
    )


def _all_in(node: NodeProto, constants: set[str]) -> bool:
    names = (*filter(None, node.input), *captured_names(node))
    return all(name in constants for name in names)


@of_each_node
def _drop_empty_inputs(node: NodeProto, graph: Graph) -> bool:
    """Leave out an input that is a constant without elements, where that means no input."""
    places = [
        place
        for place in _OPTIONAL.get(node.op_type, ())
        if place < len(node.input) and node.input[place] and _is_empty(node.input[place], graph)
    ]
    for place in places:
        node.input[place] = ""
    while node.input and not node.input[-1]:
        places.append(len(node.input))
        del node.input[-1]
    return bool(places)


@of_each_node
def _drop_empty_parts(node: NodeProto, graph: Graph) -> bool:
    """Leave out of a Concat what adds nothing to it."""
    if node.op_type != "Concat":
        return False
    parts = [name for name in node.input if 0 not in (graph.shape(name) or ())]
    if not parts or len(parts) == len(node.input):
        return False
    node.input[:] = parts
    return True


def _is_empty(name: str, graph: Graph) -> bool:
    if not graph.is_constant(name):
        maker = graph.maker(name)
        if maker is None or maker.op_type != "Constant":
            return False
    return 0 in (graph.shape(name) or ())
