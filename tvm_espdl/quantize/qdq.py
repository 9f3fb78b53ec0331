"""Writes the quantized network: QuantizeLinear and DequantizeLinear around every operator.

Must never decide about exponents or about what is quantized: both are given.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from ..chips import Chip
from ..version import __version__
from .assignment import Assignment
from .exponents import Integers, quantize
from .graph import Array, Graph
from .plan import Layer, Operand, Plan

_DTYPES = {8: np.int8, 32: np.int32}


class _Names:
    """Gives out names that the network does not have yet."""

    def __init__(self, graph: Graph, model: ModelProto) -> None:
        self._taken = {tensor.name for tensor in model.graph.initializer} | set(graph.inputs)
        for node in graph.nodes:
            self._taken.update((node.name, *node.input, *node.output))

    def fresh(self, base: str) -> str:
        name, number = base, 0
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name


class _Writer:
    """One quantized network in the making."""

    def __init__(self, model: ModelProto, plan: Plan, assignment: Assignment, chip: Chip) -> None:
        self.plan, self.assignment, self.chip = plan, assignment, chip
        self.graph = plan.graph
        self.names = _Names(self.graph, model)
        self.nodes: list[NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.quantized = set(plan.tensors())
        self.float_names: dict[str, str] = {}
        self.dequantized: dict[str, str] = {}
        self._written: dict[tuple[str, int, tuple[int, ...]], str] = {}
        self._layer_constants = _layer_constants(plan, assignment)

    def write(self) -> None:
        """Fill `nodes` and `constants`."""
        for name in self.graph.inputs:
            if name in self.quantized:
                self._quantize_activation(name)
        for index, node in enumerate(self.graph.nodes):
            self._write_node(index, node)
            for name in node.output:
                if name in self.quantized:
                    self._quantize_activation(name)

    def _constant(self, base: str, value: Array) -> str:
        name = self.names.fresh(base)
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _scale(self, base: str, exponents: Integers, bits: int) -> tuple[str, str]:
        scale = np.ldexp(np.float32(1), exponents).astype(np.float32)
        zero = np.zeros(exponents.shape, dtype=_DTYPES[bits])
        return self._constant(f"{base}_scale", scale), self._constant(f"{base}_zero_point", zero)

    def _add_node(self, operator: str, inputs: list[str], output: str, axis: int | None) -> None:
        extra = {} if axis is None else {"axis": axis}
        name = self.names.fresh(f"{output}_{operator}")
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **extra))

    def _quantize_activation(self, name: str) -> None:
        integer = self.plan.is_integer(name)
        source = name
        dequantized = self.names.fresh(f"{name}_dequantized")
        if integer and name in self.graph.outputs:
            # The network's output keeps its name, so the float tensor before it gets another.
            source, dequantized = self.float_names[name], name
        exponent = np.array(self.assignment.tensors[name], dtype=np.int64)
        self._round_trip(source, name, dequantized, exponent)
        self.dequantized[name] = dequantized

    def _round_trip(self, source: str, base: str, dequantized: str, exponent: Integers) -> None:
        scale = list(self._scale(base, exponent, 8))
        quantized = self.names.fresh(f"{base}_quantized")
        self._add_node("QuantizeLinear", [source, *scale], quantized, None)
        self._add_node("DequantizeLinear", [quantized, *scale], dequantized, None)

    def _requantize(self, index: int, place: int, name: str) -> str:
        base = self.names.fresh(f"{name}_requantized_{self.graph.nodes[index].name}")
        dequantized = self.names.fresh(f"{base}_dequantized")
        exponent = np.array(self.assignment.requantized[index, place], dtype=np.int64)
        self._round_trip(self.dequantized[name], base, dequantized, exponent)
        return dequantized

    def _write_constant(self, name: str, exponents: Integers, bits: int, axis: int | None) -> str:
        # Two layers may share weights: one constant per value of the exponents is enough.
        key = (name, bits, tuple(np.atleast_1d(exponents).tolist()))
        if key not in self._written:
            value = self.graph.constant(name)
            along = [1] * value.ndim
            if axis is not None:
                along[axis] = -1
            spread = exponents.reshape(along) if axis is not None else exponents.reshape(())
            stored = self.chip.quantized_bias_bits("int8") if bits == 32 else bits
            integers = quantize(value, spread, stored, self.chip.rounding).astype(_DTYPES[bits])
            quantized = self._constant(f"{name}_quantized", integers)
            scale = exponents if axis is not None else exponents.reshape(())
            inputs = [quantized, *self._scale(name, scale, bits)]
            self._written[key] = self.names.fresh(f"{name}_dequantized")
            self._add_node("DequantizeLinear", inputs, self._written[key], axis)
        return self._written[key]

    def _input_name(self, index: int, place: int, name: str) -> str:
        if (index, place) in self._layer_constants:
            return self._write_constant(name, *self._layer_constants[index, place])
        if (index, place) in self.assignment.constants:
            exponent = np.array(self.assignment.constants[index, place], dtype=np.int64)
            return self._write_constant(name, exponent, 8, None)
        if name not in self.quantized:
            return name
        operand = index in self.plan.rules and (place, name) in self.plan.operands(index)
        if operand and (index, place) in self.assignment.requantized:
            return self._requantize(index, place, name)
        # A float operator reads a float tensor as it is, unless the chip has integers only.
        return self.dequantized[name] if operand or self.plan.is_integer(name) else name

    def _write_node(self, index: int, node: NodeProto) -> None:
        written = NodeProto()
        written.CopyFrom(node)
        inputs = [
            self._input_name(index, place, name) if name else ""
            for place, name in enumerate(node.input)
        ]
        if index in self.plan.relus:
            written.op_type, inputs = "Relu", inputs[:1]
        del written.input[:]
        written.input.extend(inputs)
        for place, name in enumerate(node.output):
            if name in self.quantized and name in self.graph.outputs and self.plan.is_integer(name):
                self.float_names[name] = self.names.fresh(f"{name}_float")
                written.output[place] = self.float_names[name]
        self.nodes.append(written)


def _layer_constants(
    plan: Plan, assignment: Assignment
) -> dict[Operand, tuple[Integers, int, int | None]]:
    found: dict[Operand, tuple[Integers, int, int | None]] = {}
    for layer in plan.layers():
        exponents, axis = assignment.weights[layer.node], channel_axis(layer, assignment)
        found[layer.node, 1] = (exponents, 8, axis)
        if layer.bias is not None:
            found[layer.bias] = (
                bias_exponents(layer, plan, assignment),
                32,
                0 if axis is not None else None,
            )
    return found


def channel_axis(layer: Layer, assignment: Assignment) -> int | None:
    """The axis along which the weights of `layer` have several exponents, or None."""
    return layer.channel_axis if assignment.per_channel else None


def bias_exponents(layer: Layer, plan: Plan, assignment: Assignment) -> Integers:
    """The exponents of the bias of `layer`: those of its products."""
    input_exponent = assignment.tensors[plan.graph.nodes[layer.node].input[0]]
    return assignment.weights[layer.node] + input_exponent


def write_qdq(model: ModelProto, plan: Plan, assignment: Assignment, chip: Chip) -> ModelProto:
    """Write the quantized network.

    Parameters
    ----------
    model : ModelProto
        The preprocessed float network that `plan` was made from; left as it is.
    plan : Plan
        What is quantized.
    assignment : Assignment
        All exponents.
    chip : Chip
        The chip that is quantized for.

    Returns
    -------
    ModelProto
        The same bytes for the same arguments.
    """
    writer = _Writer(model, plan, assignment, chip)
    writer.write()
    used = {name for node in writer.nodes for name in node.input}
    used.update(plan.graph.visible)
    result = ModelProto(ir_version=max(model.ir_version, 7))
    result.producer_name, result.producer_version = "tvm-espdl", __version__
    result.doc_string = model.doc_string
    domains = {"" if node.domain == "ai.onnx" else node.domain for node in writer.nodes}
    domains.update(entry.domain for function in model.functions for entry in function.opset_import)
    result.opset_import.extend(
        entry for entry in model.opset_import if entry.domain in {"", "ai.onnx"} | domains
    )
    result.functions.extend(model.functions)
    result.graph.name = model.graph.name
    result.graph.doc_string = model.graph.doc_string
    result.graph.input.extend(model.graph.input)
    result.graph.output.extend(model.graph.output)
    result.graph.initializer.extend(t for t in model.graph.initializer if t.name in used)
    result.graph.initializer.extend(writer.constants)
    result.graph.node.extend(writer.nodes)
    result.metadata_props.extend(
        entry for entry in model.metadata_props if not entry.key.startswith("espdl.")
    )
    for key, value in (
        ("espdl.chip", chip.name),
        ("espdl.rounding", chip.rounding),
        ("espdl.version", __version__),
    ):
        result.metadata_props.add(key=key, value=value)
    return onnx.shape_inference.infer_shapes(result)
