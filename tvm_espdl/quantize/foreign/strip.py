"""Takes the quantization out of a model: a float model, and the range each tensor was given.

Must never choose an exponent: what becomes of the ranges is decided elsewhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from ...onnx_graphs.graph import Array, captured_names
from ...onnx_graphs.qlinear.names import Names, drop_unused_domains, rename_inputs
from ...onnx_graphs.qlinear.quantizer import Quantizer, Quantizers, is_dequantize, is_quantize
from ...onnx_graphs.qlinear.refusals import reads_integers, unclear_input
from ...onnx_graphs.rewriting import replace_nodes
from ...preprocess.rewrite_unused import remove_unused
from .activations import Bounds, hidden_activation
from .inspection import Inspection, inspect_quantized

Range = tuple[float, float]


@dataclass(frozen=True)
class Stripped:
    """A float model made from a quantized one; constants are in none of the tables."""

    model: ModelProto  #: Its weights and biases are what their integers stood for.
    #: The smallest and the largest number that a tensor's integers could express; a tensor that was
    #: not quantized has none.
    ranges: dict[str, Range]
    bits: dict[str, int]  #: By the same tensors: the width of their integers, 8 or 16.
    #: Inputs and outputs that were integers and are float now: the float model takes and gives
    #: real = (integer - zero_point) * scale.
    inputs: dict[str, Quantizer]
    outputs: dict[str, Quantizer]


def strip_quantization(model: str | os.PathLike[str] | ModelProto) -> Stripped:
    """Make a float model of a quantized one, and say which range each tensor had.

    A range that ends at 0 on purpose is an activation function that the quantizer of others left
    to saturation; it is written out again as Relu, or as Clip from 0 to 6.

    Raises ModelError if the model is not quantized, or in a way that no choice of scales expresses:
    scales computed at run time, one scale per channel of an activation, blocks, 4-bit and float8
    types, float16 scales.
    """
    inspection = inspect_quantized(model)
    if not inspection.can_be_requantized:
        raise inspection.refusal()
    return _Stripper(inspection).strip()


class _Stripper:
    """One quantized model on its way to float."""

    def __init__(self, inspection: Inspection) -> None:
        self.model = inspection.model
        self._quantizers = Quantizers(self.model)
        self._names = Names(self.model)
        self._bounds = Bounds(self.model)
        self._nodes: list[NodeProto] = []
        # What a dequantized tensor is in the float model; what an integer tensor stands for.
        self._real: dict[str, str] = {}
        self._integers: dict[str, str] = {}
        self._activated: dict[tuple[str, str, float], str] = {}
        self._ranges: dict[str, Range] = {}
        self._bits: dict[str, int] = {}
        self._inputs: dict[str, Quantizer] = {}
        self._outputs: dict[str, Quantizer] = {}
        self._captured = {n for node in self.model.graph.node for n in captured_names(node)}

    def strip(self) -> Stripped:
        for node in self.model.graph.node:
            if is_quantize(node):
                self._quantize(node)
            elif is_dequantize(node):
                self._dequantize(node)
            else:
                self._keep(node)
        self._restore_outputs()
        replace_nodes(self.model, self._nodes)
        del self.model.graph.value_info[:]
        remove_unused(self.model)
        drop_unused_domains(self.model)
        existing = {v.name for v in self.model.graph.input}
        existing.update(name for node in self.model.graph.node for name in node.output)
        return Stripped(
            onnx.shape_inference.infer_shapes(self.model),
            {name: span for name, span in self._ranges.items() if name in existing},
            {name: bits for name, bits in self._bits.items() if name in existing},
            self._inputs,
            self._outputs,
        )

    def _quantize(self, node: NodeProto) -> None:
        name, result = node.input[0], node.output[0]
        quantizer = self._quantizers.of(node)
        if name in self._quantizers.initializers:
            integers = quantizer.quantize(self._quantizers.constant(name))
            self._integers[result] = self._constant(result, quantizer.dequantize(integers))
            return
        source = self._activate(self._real.get(name, name), quantizer)
        self._integers[result] = source
        if any(output.name == result for output in self.model.graph.output):
            self._outputs[result] = quantizer
        if source not in self._ranges or name not in self._real:
            self._widen(source, quantizer)

    def _widen(self, name: str, quantizer: Quantizer) -> None:
        low, high = quantizer.range()
        before = self._ranges.get(name, (low, high))
        self._ranges[name] = min(low, before[0]), max(high, before[1])
        self._bits[name] = max(quantizer.bits, self._bits.get(name, 0))

    def _activate(self, name: str, quantizer: Quantizer) -> str:
        """The name of `name` behind the activation function that saturation stood for, if any."""
        low, high = quantizer.range()
        activation = hidden_activation(low, high, quantizer)
        if activation is not None and name in self._quantizers.graph.inputs:
            # The range of an input says what it holds: no function is needed to make it so.
            self._bounds.learn(name, 0.0, activation.high)
        if activation is None or self._bounds.is_within(name, activation):
            return name
        key = (name, activation.operator, activation.high)
        if key not in self._activated:
            new = self._names.fresh(f"{name}_{activation.operator.lower()}")
            limits = [self._names.constant(f"{new}_{k}", v) for k, v in activation.limits()]
            label = self._names.fresh(f"{new}_node")
            self._append(helper.make_node(activation.operator, [name, *limits], [new], name=label))
            # What the function cuts off needs no room before it either.
            if name not in self._ranges:
                self._widen(name, quantizer)
            self._activated[key] = new
        return self._activated[key]

    def _dequantize(self, node: NodeProto) -> None:
        name, result = node.input[0], node.output[0]
        quantizer = self._quantizers.of(node)
        if name in self._integers:
            self._real[result] = self._integers[name]
        elif name in self._quantizers.initializers:
            integers = self._quantizers.constant(name)
            self._real[result] = self._constant(result, quantizer.dequantize(integers))
        else:
            self._integer_input(name, quantizer)
            self._real[result] = name

    def _constant(self, base: str, value: Array) -> str:
        short = base.removesuffix("_DequantizeLinear_Output").removesuffix("_dequantized")
        name = self._names.constant(short, value)
        if value.size:
            self._bounds.learn(name, float(value.min()), float(value.max()))
        return name

    def _integer_input(self, name: str, quantizer: Quantizer) -> None:
        if name in self._inputs and not self._inputs[name].same_as(quantizer):
            raise unclear_input(name)
        self._inputs[name] = quantizer
        self._widen(name, quantizer)
        for value in self.model.graph.input:
            if value.name == name:
                value.type.tensor_type.elem_type = TensorProto.FLOAT

    def _keep(self, node: NodeProto) -> None:
        integers = [name for name in node.input if name in self._inputs]
        reads = any(name in self._integers for name in node.input)
        captured = self._captured.intersection({*self._real, *self._integers})
        if integers or reads or captured:
            raise reads_integers(node, [*integers, *node.input, *sorted(captured)][0])
        rename_inputs(node, self._real)
        self._append(node)

    def _append(self, node: NodeProto) -> None:
        self._nodes.append(node)
        self._bounds.add(node)

    def _restore_outputs(self) -> None:
        """Let every output of the network have the name that it had."""
        outputs = [value.name for value in self.model.graph.output]
        made = {name for node in self._nodes for name in node.output}
        taken = {name for name in outputs if name not in self._real and name not in self._integers}
        renamed: dict[str, str] = {}
        for value in self.model.graph.output:
            name = value.name
            source = self._integers.get(name, self._real.get(name))
            if source is None:
                continue
            value.type.tensor_type.elem_type = TensorProto.FLOAT
            if source in made and source not in taken and source not in renamed:
                renamed[source] = name
            else:
                source = renamed.get(source, source)
                self._append(helper.make_node("Identity", [source], [name], name=f"{name}_copy"))
        for node in self._nodes:
            rename_inputs(node, renamed)
            for place, name in enumerate(node.output):
                node.output[place] = renamed.get(name, name)
        for old, new in renamed.items():
            if old in self._ranges:
                self._ranges[new], self._bits[new] = self._ranges.pop(old), self._bits.pop(old)
