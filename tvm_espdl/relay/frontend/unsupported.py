"""Which nodes of an ONNX model nobody can import: neither TVM nor this package has a converter.

It looks at names of operators alone; it imports and changes nothing.
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto
from tvm.relax.frontend.onnx.onnx_frontend import _get_convert_map

from ...onnx_graphs.graph import STANDARD
from .converters import CONVERTERS

#: A program has no branches and loops.
_CONTROL_FLOW = ("If", "Loop", "Scan")
#: Whose operators on integers are written as others before anything is imported.
_REWRITTEN_DOMAINS = ("com.microsoft",)
_REWRITTEN = ("QLinear", "ConvInteger", "MatMulInteger", "DynamicQuantize")


def unsupported_nodes(model: ModelProto) -> list[NodeProto]:
    """They, in the model's order."""
    known = {*_get_convert_map(), *CONVERTERS}
    return [node for node in model.graph.node if not _is_known(node, known)]


def _is_known(node: NodeProto, known: set[str]) -> bool:
    if node.op_type.startswith(_REWRITTEN):
        return True
    if node.domain not in (*STANDARD, *_REWRITTEN_DOMAINS) or node.op_type in _CONTROL_FLOW:
        return False
    return node.op_type in known
