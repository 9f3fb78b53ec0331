"""Rewrites integer operators to float operators between DequantizeLinear and QuantizeLinear.

Must never change an integer that leaves a node by more than onnxruntime's own rounding, nor
the model that it is given.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, numpy_helper

from ..constant_nodes import computed, constants_to_initializers
from ..graph import STANDARD, attribute, captured_names, input_of
from ..rewriting import opset_of, replace_nodes
from .added_biases import fold_added_biases
from .forms import AT_ZERO, MOVERS, READERS, Form, Triple, form_of, is_integer_operator
from .names import drop_unused_domains, rename_inputs
from .pairs import PairWriter, float_name
from .quantizer import is_dequantize, is_quantize
from .refusals import LOWEST_OPSET_WITH_AXIS, Wrong, kept_attributes, unknown

# Exporters write weights turned or reshaped, and hand shared scales on through Identity.
_FOLDED = ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Slice")


def needs_rewriting(model: ModelProto) -> bool:
    """Whether `model` holds operators on integers, such as QLinearConv."""
    return any(is_integer_operator(node) for node in model.graph.node)


def rewrite_qlinear(model: ModelProto) -> ModelProto:
    """Write a model with operators on integers as a QDQ model.

    QLinearConv becomes DequantizeLinear, Conv, QuantizeLinear, and so on; MaxPool, Reshape and
    others that hand integers on get a pair of the same scale around them. Weights stay the
    integers they are; a bias is dequantized with the product of the scales of data and weights.

    In the copy that is returned, only QuantizeLinear and DequantizeLinear know of integers; nodes
    that are QDQ or float already stay, and every integer tensor keeps its name.

    Raises
    ------
    ModelError
        For operators whose scales are computed at run time, and unknown ones.
    """
    copy = _settled_copy(model)
    fold_added_biases(copy)
    rewriter = _Rewriter(copy)
    for node in copy.graph.node:
        rewriter.rewrite(node)
    replace_nodes(copy, rewriter.nodes)
    drop_unused_domains(copy)
    return copy


def _settled_copy(model: ModelProto) -> ModelProto:
    """A copy of `model` whose constants are initializers, moved ones included; QDQ nodes stay."""
    copy = ModelProto()
    copy.CopyFrom(model)
    constants_to_initializers(copy)
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    fixed = {value.name for value in copy.graph.output}
    fixed.update(name for node in copy.graph.node for name in captured_names(node))
    same: dict[str, str] = {}
    kept = []
    for node in copy.graph.node:
        rename_inputs(node, same)
        inputs = [name for name in node.input if name]
        folds = node.op_type in _FOLDED and node.domain in STANDARD
        if not folds or node.output[0] in fixed or not all(name in constants for name in inputs):
            kept.append(node)
        elif node.op_type == "Identity":
            same[node.output[0]] = inputs[0]
        else:
            (value,) = computed(node, copy, [constants[name] for name in dict.fromkeys(inputs)])
            constants[node.output[0]] = numpy_helper.from_array(value, node.output[0])
            copy.graph.initializer.append(constants[node.output[0]])
    replace_nodes(copy, kept)
    return copy


class _Rewriter(PairWriter):
    """One model on its way to QDQ."""

    def __init__(self, model: ModelProto) -> None:
        super().__init__(model)
        self._opset = opset_of(model)

    def rewrite(self, node: NodeProto) -> None:
        """Write what `node` becomes."""
        form = form_of(node)
        if form is not None:
            self._write_form(node, form)
        elif is_integer_operator(node):
            raise unknown(node)
        elif is_quantize(node) or is_dequantize(node):
            if not (input_of(node, 0) and input_of(node, 1)):
                raise Wrong.MISSING.at(node, list(node.input))
            if is_quantize(node):
                self._learn(node)
            self.nodes.append(node)
        elif any(name in self.scales for name in node.input):
            self._write_around(node)
        else:
            self.nodes.append(node)

    def _learn(self, node: NodeProto) -> None:
        """Remember the scale and zero point of what a QuantizeLinear gives, if it has one scale."""
        quantizer = self.quantizers.of(node)
        if quantizer.axis is None and quantizer.scale is not None:
            zero = input_of(node, 2)
            if not zero and quantizer.dtype in ("int8", "int16", "uint16"):
                zeros = np.zeros((), quantizer.dtype)
                zero = self.names.constant(f"{node.output[0]}_zero_point", zeros)
            self.scales[node.output[0]] = node.input[1], zero

    def _write_form(self, node: NodeProto, form: Form) -> None:
        needed = [*form.plain, *(place for triple in form.operands for place in triple[:2])]
        if not all(input_of(node, place) for place in needed):
            raise Wrong.MISSING.at(node, list(node.input))
        kept = kept_attributes(node, form, self._opset)
        names = [node.input[place] for place in form.plain]
        for place, triple in enumerate(form.operands):
            axis = form.weight_axis if place == 1 else None
            names.append(self._operand(node, triple, axis))
        if form.bias is not None and (bias := input_of(node, form.bias)):
            names.append(self._bias(node, form, bias))
        if form.operator == "ReduceMean" and self._opset >= 18 and "axes" in kept:
            axes = np.array(kept.pop("axes"), np.int64)
            names.append(self.names.constant(f"{node.output[0]}_axes", axes))
        scale, zero = (input_of(node, place) for place in form.output)
        if not scale:
            # QGemm without an output scale gives float.
            self.add(form.operator, names, node.output[0], node.name, **kept)
            return
        zero = zero or self._zero_like(node, form.operands[0])
        real = self.names.fresh(float_name(node.output[0]))
        self.add(form.operator, names, real, node.name, **kept)
        self.quantize(real, node.output[0], scale, zero)

    def _operand(self, node: NodeProto, triple: Triple, axis_of: object) -> str:
        name, scale, zero = (input_of(node, place) for place in triple)
        axis = None
        values = self.constant(scale)
        if values is not None and values.size > 1:
            if not callable(axis_of) or name not in self.quantizers.initializers:
                raise Wrong.SCALES_OF_AN_ACTIVATION.at(node, f"scale {scale!r}")
            rank = len(self.quantizers.initializers[name].dims)
            axis = int(axis_of(node, rank))
            if self._opset < LOWEST_OPSET_WITH_AXIS:
                raise Wrong.OPERATOR_SET.at(node, f"operator set {self._opset}")
            offsets = self.constant(zero)
            if offsets is not None and offsets.size == 1:
                # The integer operators let one zero point do for all channels.
                zero = self.names.constant(zero, np.full(values.shape, offsets.reshape(())))
        elif values is not None and values.ndim:
            scale = self.scalar(scale)
            zero = self.scalar(zero) if zero else zero
        return self.dequantize(name, scale, zero, axis)

    def _bias(self, node: NodeProto, form: Form, name: str) -> str:
        factors = [self.constant(input_of(node, triple[1])) for triple in form.operands]
        if factors[0] is None or factors[1] is None:
            raise Wrong.COMPUTED.at(node)
        # onnxruntime, too, forms this product in float32.
        product = np.asarray(factors[0].reshape(()) * factors[1], np.float32)
        product = product * np.float32(attribute(node, "alpha", 1.0))
        axis = 0 if product.size > 1 else None
        product = product if axis == 0 else product.reshape(())
        base = float_name(name)
        scale = self.names.constant(f"{base}_scale", product)
        zero = self.names.constant(f"{base}_zero_point", np.zeros(product.shape, np.int32))
        return self.dequantize(name, scale, zero, axis)

    def _write_around(self, node: NodeProto) -> None:
        """Put pairs around a node of ONNX's own that computes on integers."""
        kinds = {**MOVERS, **AT_ZERO}
        moves = node.op_type in kinds
        if node.domain not in STANDARD or not (moves or node.op_type in READERS):
            raise Wrong.READS_INTEGERS.at(node)
        count = kinds.get(node.op_type, 1)
        data = [name for name in node.input[:count] if name]
        if node.op_type in AT_ZERO:
            self._share_scale(node)
        scales = {self.scales.get(name) for name in data}
        found = self.scales.get(data[0])
        if len(scales) > 1 or found is None:
            raise Wrong.READS_INTEGERS.at(node)
        written = NodeProto.FromString(node.SerializeToString())
        for place, name in enumerate(node.input):
            if name in data or (node.op_type == "Pad" and place == 2 and name):
                written.input[place] = self.dequantize(name, *found, None)
        if node.op_type == "Pad" and not input_of(node, 2):
            self._pad_with_integer_zero(written, found)
        if not moves:
            self.nodes.append(written)
            return
        reals = [self.names.fresh(float_name(name)) if name else "" for name in node.output]
        indices = slice(1, None) if node.op_type == "MaxPool" else slice(0, 0)
        reals[indices] = node.output[indices]
        del written.output[:]
        written.output.extend(reals)
        self.nodes.append(written)
        for real, name in zip(reals, node.output, strict=True):
            if name and real != name:
                self.quantize(real, name, *found)

    def _share_scale(self, node: NodeProto) -> None:
        """Constants beside integers of zero point 0 have their scale, as in the old flow's Add."""
        known = {self.scales[name] for name in node.input if name in self.scales}
        zeros = [self.constant(zero) for _, zero in known if zero]
        if len(known) != 1 or any(zero is None or zero.any() for zero in zeros):
            raise Wrong.READS_INTEGERS.at(node)
        for name in node.input:
            if name in self.quantizers.initializers:
                self.scales.setdefault(name, next(iter(known)))

    def _pad_with_integer_zero(self, node: NodeProto, scales: tuple[str, str]) -> None:
        """Without a value of its own, Pad puts the integer 0, which is not the number 0."""
        scale, zero = self.constant(scales[0]), self.constant(scales[1])
        if zero is None or not zero.any() or attribute(node, "mode", b"constant") != b"constant":
            return
        if scale is None or self._opset < 11:
            raise Wrong.READS_INTEGERS.at(node)
        value = (-zero.astype(np.float32) * scale).astype(np.float32).reshape(())
        del node.input[2:3]
        node.input.insert(2, self.names.constant(f"{node.output[0]}_pad_value", value))

    def _zero_like(self, node: NodeProto, operand: Triple) -> str:
        """A zero point of the type of an operand, where the node has none for its result."""
        name = node.input[operand[0]]
        zero = input_of(node, operand[2]) or self.scales.get(name, ("", ""))[1]
        dtype = self.quantizers.type_of(zero or name)
        # A QuantizeLinear without a zero point gives uint8, and so it goes on.
        zeros = np.zeros((), dtype if dtype == "int8" else "uint8")
        return self.names.constant(f"{node.output[0]}_zero_point", zeros)
