"""Writes the quantized network: QuantizeLinear and DequantizeLinear around every operator.

Must never decide about exponents or about what is quantized: both are given.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper, numpy_helper

from ..chips import Chip, Rounding
from ..onnx_graphs.chip_metadata import write_chip
from ..onnx_graphs.graph import Array
from ..onnx_graphs.new_names import NewNames
from ..onnx_graphs.rewriting import opset_of
from ..version import __version__
from .exponents import Integers, quantize
from .layer_exponents import LARGEST_BIAS_BITS
from .plan import Layer, Operand, Plan
from .settled_exponents import Assignment

_DTYPES = {8: np.int8, 16: np.int16, 32: np.int32}


@dataclass(frozen=True)
class StoredConstant:
    """How a constant operand is kept."""

    name: str  #: Of the float constant.
    exponents: Integers  #: One, or one per index along `axis`.
    bits: int  #: Width of the integers in the file: 8, 16 or 32.
    #: Bits that the values stay within: the chip may have fewer for a bias than the file.
    limit: int
    axis: int | None  #: The axis of several exponents.

    def integers(self, value: Array, rounding: Rounding) -> Integers:
        """The float constant as integers, rounded as the chip does and saturated."""
        return quantize(value, self.spread(value.ndim), self.limit, rounding)

    def spread(self, rank: int) -> Integers:
        """The exponents in a shape that broadcasts against the constant."""
        if self.axis is None:
            return self.exponents.reshape(())
        along = [1] * rank
        along[self.axis] = -1
        return self.exponents.reshape(along)


class QdqWriter:
    """One quantized network in the making, of what `write_qdq` is given."""

    def __init__(self, model: ModelProto, plan: Plan, assignment: Assignment, chip: Chip) -> None:
        self.plan, self.assignment, self.chip = plan, assignment, chip
        self.graph = plan.graph
        self.names = NewNames(model)
        self.nodes: list[NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.quantized = set(plan.tensors())
        self.float_names: dict[str, str] = {}
        self.dequantized: dict[str, str] = {}
        self._written: dict[tuple[str, Operand | None, int, int, tuple[int, ...]], str] = {}
        self.stored = stored_constants(plan, assignment, chip)
        self._moves_quantizers = opset_of(model) >= 21

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

    def add_constant(self, base: str, value: Array) -> str:
        """Add an initializer; returns its name."""
        name = self.names.fresh(base)
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _scale(self, base: str, exponents: Integers, bits: int) -> tuple[str, str]:
        scale = np.ldexp(np.float32(1), exponents).astype(np.float32)
        zero = np.zeros(exponents.shape, dtype=_DTYPES[bits])
        return self.add_constant(f"{base}_scale", scale), self.add_constant(
            f"{base}_zero_point", zero
        )

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
        bits = self.plan.tensor_bits(name)
        exponent = self.assignment.tensors[name]
        self.round_trip(name, source, name, dequantized, exponent=exponent, bits=bits)
        self.dequantized[name] = dequantized

    def round_trip(
        self, key: str | Operand, source: str, base: str, target: str, *, exponent: int, bits: int
    ) -> None:
        """Write what makes integers of the tensor `source` and `target` of those.

        `key` is the activation, or the operand that is requantized; new names begin with `base`.
        """
        del key
        scale = list(self._scale(base, np.array(exponent, dtype=np.int64), bits))
        quantized = self.names.fresh(f"{base}_quantized")
        self._add_node("QuantizeLinear", [source, *scale], quantized, None)
        self._add_node("DequantizeLinear", [quantized, *scale], target, None)

    def _requantize(self, index: int, place: int, name: str) -> str:
        base = self.names.fresh(f"{name}_requantized_{self.graph.nodes[index].name}")
        dequantized = self.names.fresh(f"{base}_dequantized")
        exponent = self.assignment.requantized[index, place]
        source, bits = self.dequantized[name], self.plan.operand_bits(index, place)
        self.round_trip((index, place), source, base, dequantized, exponent=exponent, bits=bits)
        return dequantized

    def write_constant(self, operand: Operand, stored: StoredConstant) -> str:
        """Write the constant of an operand; returns the tensor that the operator reads."""
        # Two layers may share weights: one constant per value of the exponents is enough.
        exponents = tuple(np.atleast_1d(stored.exponents).tolist())
        own = operand if operand in self.assignment.values else None
        key = (stored.name, own, stored.bits, stored.limit, exponents)
        if key not in self._written:
            value = self.assignment.values.get(operand, self.graph.constant(stored.name))
            integers = stored.integers(value, self.chip.rounding).astype(_DTYPES[stored.bits])
            integers = integers.reshape(self._constant_shape(operand, value.shape))
            quantized = self.add_constant(f"{stored.name}_quantized", integers)
            scale = stored.exponents if stored.axis is not None else stored.exponents.reshape(())
            inputs = [quantized, *self._scale(stored.name, scale, stored.bits)]
            self._written[key] = self.names.fresh(f"{stored.name}_dequantized")
            self._add_node("DequantizeLinear", inputs, self._written[key], stored.axis)
        return self._written[key]

    def _constant_shape(self, operand: Operand, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that a constant of a shape is written in; it broadcasts alike.

        Of a MatMul of three and more dimensions and the vector that is added to it onnxruntime
        (1.32) makes a Gemm between reshapes, moves DequantizeLinear through these, and from
        operator set 21 on refuses what it has made. Only vectors are taken so.
        """
        output = self.graph.nodes[operand[0]].output[0]
        rank = len(self.graph.shape(output) or ())
        if self.plan.rules[operand[0]].kind != "bias" or rank < 3 or not self._moves_quantizers:
            return shape
        return (1,) * (rank - len(shape)) + shape

    def _input_name(self, index: int, place: int, name: str) -> str:
        if (index, place) in self.stored:
            return self.write_constant((index, place), self.stored[index, place])
        if name not in self.quantized:
            return name
        operand = self.plan.is_operand(index, place, name)
        if operand and (index, place) in self.assignment.requantized:
            return self._requantize(index, place, name)
        # A float operator reads a float tensor as it is, unless the chip has integers only.
        return self.dequantized[name] if operand or self.plan.is_integer(name) else name

    def _write_node(self, index: int, node: NodeProto) -> None:
        written = copy.deepcopy(node)
        inputs = [
            self._input_name(index, place, name) if name else ""
            for place, name in enumerate(node.input)
        ]
        if index in self.plan.relus:
            written.op_type, inputs = "Relu", inputs[:1]
        del written.input[:]
        written.input.extend(inputs)
        for place, name in enumerate(node.output):
            if name in self.plan.unread_states:
                written.output[place] = ""
            if name in self.quantized and name in self.graph.outputs and self.plan.is_integer(name):
                self.float_names[name] = self.names.fresh(f"{name}_float")
                written.output[place] = self.float_names[name]
        self.nodes.append(written)


def stored_constants(
    plan: Plan, assignment: Assignment, chip: Chip
) -> dict[Operand, StoredConstant]:
    """How every constant operand is kept, by node and position."""
    found: dict[Operand, StoredConstant] = {}
    for layer in plan.layers():
        bits, axis = plan.bits(layer.node), channel_axis(layer, assignment)
        exponents = assignment.weights[layer.node]
        found[layer.node, 1] = StoredConstant(layer.weight, exponents, bits, bits, axis)
        if layer.bias is not None:
            node, place = layer.bias
            name = plan.graph.nodes[node].input[place]
            limit = min(chip.quantized_bias_bits(f"int{bits}"), LARGEST_BIAS_BITS)
            sums = bias_exponents(layer, plan, assignment)
            found[layer.bias] = StoredConstant(
                name, sums, 32, limit, 0 if axis is not None else None
            )
    for (index, place), exponent in assignment.constants.items():
        name, bits = plan.graph.nodes[index].input[place], plan.operand_bits(index, place)
        found[index, place] = StoredConstant(name, np.array(exponent), bits, bits, None)
    return found


def channel_axis(layer: Layer, assignment: Assignment) -> int | None:
    """The axis along which the weights of `layer` have several exponents, or None."""
    return layer.channel_axis if assignment.per_channel else None


def bias_exponents(layer: Layer, plan: Plan, assignment: Assignment) -> Integers:
    """The exponents of the bias of `layer`: those of its products."""
    return assignment.weights[layer.node] + assignment.input_exponent(plan, layer.node)


def write_qdq(model: ModelProto, plan: Plan, assignment: Assignment, chip: Chip) -> ModelProto:
    """Write the quantized network: the same bytes for the same arguments.

    `model` is the preprocessed float network that `plan` was made from; it is left as it is.
    """
    writer = QdqWriter(model, plan, assignment, chip)
    writer.write()
    result = assemble(model, writer)
    return onnx.shape_inference.infer_shapes(result)


def assemble(model: ModelProto, writer: QdqWriter) -> ModelProto:
    """Put what `writer` wrote into a model that is otherwise like `model`."""
    used = {name for node in writer.nodes for name in node.input}
    used.update(writer.graph.visible)
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
    result.metadata_props.extend(model.metadata_props)
    write_chip(result, writer.chip)
    return result
