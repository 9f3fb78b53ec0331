"""Compares what an importer has made of a network with what ONNX says of it: shapes and types.

A node that was misread mostly shows there; it is refused by name then, for a result of another
shape is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper
from tvm import relax, tirx

from ...errors import ModelError
from ...onnx_graphs.graph import Graph
from ..ir import dtype_of

#: Types of elements that TVM computes with on a PC.
COMPUTED = {
    *(TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16),
    *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
    *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
    TensorProto.BOOL,
}


def check_kinds(proto: ModelProto) -> None:
    """Refuse a network with tensors of types that nothing computes with, such as text or float8.

    Raises
    ------
    ModelError
        Naming the first such tensor.
    """
    graph = Graph(proto)
    computed = [name for node in graph.nodes for name in node.output]
    for name in (*graph.inputs, *computed):
        kind = graph.type_of(name)
        if kind and kind not in COMPUTED:
            raise ModelError(
                "a tensor has a type that is not supported",
                where=f"tensor {name!r}",
                found=TensorProto.DataType.Name(kind).lower(),
                allowed=", ".join(sorted(TensorProto.DataType.Name(k).lower() for k in COMPUTED)),
                try_="export the model in float32",
            )


def check_types(proto: ModelProto, values: Mapping[str, Any]) -> None:
    """Compare every tensor's inferred shape and type.

    Parameters
    ----------
    proto : ModelProto
        The network with inferred shapes.
    values : mapping of str to relax.Expr
        What its tensors have become.

    Raises
    ------
    ModelError
        Naming the first node whose result has another shape or type than ONNX gives it, or a
        shape that no tensor has.
    """
    graph = Graph(proto)
    for node in graph.nodes:
        for name in filter(None, node.output):
            if name in values:
                _check(node, name, values[name], graph)


def _check(node: NodeProto, name: str, value: Any, graph: Graph) -> None:
    kind, shape = graph.type_of(name), graph.shape(name)
    found = getattr(value, "ty", None)
    if isinstance(found, relax.ShapeType):
        if name in graph.outputs:
            raise _misread(node, name, "a shape in place of a tensor", _shown(shape, kind))
        return
    if not isinstance(found, relax.TensorType):
        return
    dtype = dtype_of(value)
    if kind and dtype and np.dtype(helper.tensor_dtype_to_np_dtype(kind)).name != dtype:
        raise _misread(node, name, dtype, _shown(shape, kind))
    extents = found.shape
    if extents is None or not isinstance(extents, relax.ShapeExpr):
        return
    known = [int(n) if isinstance(n, (int, tirx.IntImm)) else None for n in extents]
    if any(extent is not None and extent < 0 for extent in known):
        raise ModelError(
            "the result has a negative extent",
            where=f"{node.op_type} of {name!r}",
            found=f"shape {tuple(known)}",
            allowed="a window, with its dilation, that fits into the padded input",
            try_="a larger input, or a smaller window",
        )
    if shape is None:
        return
    same = all(one in (None, other) for one, other in zip(known, shape, strict=False))
    if len(known) != len(shape) or not same:
        raise _misread(node, name, f"the shape {tuple(known)}", _shown(shape, kind))


def _shown(shape: tuple[int, ...] | None, kind: int) -> str:
    name = TensorProto.DataType.Name(kind).lower() if kind else "any type"
    return f"{name} of shape {shape}" if shape is not None else name


def _misread(node: NodeProto, name: str, found: str, allowed: str) -> ModelError:
    return ModelError(
        f"TVM's importer misreads {node.op_type}",
        where=f"node {node.name or node.output[0]!r}, tensor {name!r}",
        found=found,
        allowed=allowed,
        try_="write the node in another way, or export with another opset",
    )
