"""Quantization to uint8 at zero point 128, written as what it is: int8 at zero point 0.

`round(x / s) + 128` between 0 and 255 is `round(x / s)` between -128 and 127, moved; so it is with
uint16 at 32768. Inputs and outputs of the network keep their type: there the numbers are moved.
Tensors that something else than quantization reads or makes stay. Must never change another zero
point.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from .graph import Array, Graph, attribute, input_of
from .rewriting import add_constant, fresh_name, replace_nodes

_QUANTIZE, _DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"

#: By unsigned type: the middle of its range, and the signed type.
_SIGNED = {TensorProto.UINT8: (128, np.int8), TensorProto.UINT16: (1 << 15, np.int16)}


def unsigned_to_signed(model: ModelProto, *, at_the_edge: bool = True) -> ModelProto:
    """Return `model` with int8 in place of uint8 at zero point 128; itself where there is none.

    Inputs and outputs, which get nodes that move their numbers, stay as they are unless
    `at_the_edge`.
    """
    graph = Graph(model)
    edge = {*graph.inputs, *graph.outputs}
    tensors = {
        name: graph.type_of(zero)
        for name, zero in _quantized(graph).items()
        if (at_the_edge or name not in edge) and _may_change(name, graph)
    }
    if not tensors:
        return model
    signed = onnx.ModelProto()
    signed.CopyFrom(model)
    del signed.graph.value_info[:]
    _Moving(signed, graph, tensors).rewrite()
    return onnx.shape_inference.infer_shapes(signed, data_prop=True)


def is_signed(dtype: str, zero_point: Array) -> bool:
    """Whether integers of an unsigned type, by its lower-case name, are signed ones, moved."""
    halves = {"uint8": 128, "uint16": 1 << 15}
    return dtype in halves and bool((zero_point == halves[dtype]).all())


class _Moving:
    """A copy of a model on its way to signed integers; `graph` is that of the original."""

    def __init__(self, model: ModelProto, graph: Graph, tensors: dict[str, int]) -> None:
        self.model, self.graph, self.tensors = model, graph, tensors
        self.edge = {*graph.inputs, *graph.outputs}
        self.nodes: list[NodeProto] = []
        self.names: dict[str, str] = {}
        self.zeros: dict[tuple[int, tuple[int, ...]], str] = {}

    def rewrite(self) -> None:
        graph = self.graph
        for name, kind in self.tensors.items():
            half, signed = _SIGNED[kind]
            if graph.is_constant(name):
                values = (graph.constant(name).astype(np.int32) - half).astype(signed)
                self.names[name] = add_constant(self.model, f"{name}_signed", values)
            elif name in self.edge:
                self.names[name] = fresh_name(self.model, f"{name}_signed")
                if name in graph.inputs:
                    self._move(name, self.names[name], -half, np.dtype(signed))
        for node in self.model.graph.node:
            self._rewrite(node)
        replace_nodes(self.model, self.nodes)

    def _rewrite(self, node: NodeProto) -> None:
        name = node.output[0] if node.op_type == _QUANTIZE else next(iter(node.input), "")
        if not _converts(node) or name not in self.tensors:
            self.nodes.append(node)
            return
        kind = self.tensors[name]
        half, signed = _SIGNED[kind]
        key = kind, self.graph.shape(node.input[2]) or ()
        if key not in self.zeros:
            zeros = np.zeros(key[1], signed)
            self.zeros[key] = add_constant(self.model, f"zero_{zeros.dtype}", zeros)
        node.input[2] = self.zeros[key]
        new = self.names.get(name, name)
        self.nodes.append(node)
        if node.op_type == _DEQUANTIZE:
            node.input[0] = new
        else:
            node.output[0] = new
            if name in self.graph.outputs:
                self._move(new, name, half, np.dtype(helper.tensor_dtype_to_np_dtype(kind)))

    def _move(self, source: str, target: str, by: int, dtype: np.dtype[np.generic]) -> None:
        """Add nodes that add a number to integers and give them another type."""
        wide, moved = (fresh_name(self.model, f"{source}_{part}") for part in ("wide", "moved"))
        number = add_constant(self.model, f"{source}_offset", np.array(by, np.int32))
        make = helper.make_node
        self.nodes += [
            make("Cast", [source], [wide], wide, to=TensorProto.INT32),
            make("Add", [wide, number], [moved], moved),
            make("Cast", [moved], [target], target, to=helper.np_dtype_to_tensor_dtype(dtype)),
        ]


def _converts(node: NodeProto) -> bool:
    return node.op_type in (_QUANTIZE, _DEQUANTIZE)


def _quantized(graph: Graph) -> dict[str, str]:
    """Tensors that are quantized or dequantized, and the zero point of each."""
    return {
        node.input[0] if node.op_type == _DEQUANTIZE else node.output[0]: input_of(node, 2)
        for node in graph.nodes
        if _converts(node)
    }


def _may_change(name: str, graph: Graph) -> bool:
    """Whether all that makes and reads a tensor quantizes it to uint8 around 128, or the like."""
    maker = graph.maker(name)
    users = [graph.nodes[index] for index in graph.consumers(name)]
    if name in graph.visible and name not in graph.outputs:
        return False
    if maker is None and name in graph.outputs:
        return False
    if maker is not None:
        if maker.op_type != _QUANTIZE or attribute(maker, "output_dtype", 0):
            return False
        users.append(maker)
    return all(_converts(node) and _in_the_middle(node, graph) for node in users)


def _in_the_middle(node: NodeProto, graph: Graph) -> bool:
    zero = input_of(node, 2)
    kind = graph.type_of(zero) if graph.is_constant(zero) else 0
    return kind in _SIGNED and bool((graph.constant(zero) == _SIGNED[kind][0]).all())
