"""Networks to look into a quantized one: with its tensors as outputs, and cut into single layers.

Must never change what an operator computes: only outputs and inputs are added.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import onnx
from onnx import ModelProto

from ...chips import Chip
from ...onnx_graphs.rewriting import replace_nodes
from ..calibration import Shape, with_outputs
from ..plan import Plan
from ..qdq import QdqWriter, assemble
from ..settled_exponents import Assignment


class SingleLayers:
    """The networks in which every operator works on tensors that are given from outside.

    `model` is the float network that `plan` was made from, `shapes` are those of the quantized
    activations. For each of these, `held` has the input that its readers read instead, and
    `dequantized` what the quantized networks call it as they hold it.
    """

    def __init__(
        self,
        model: ModelProto,
        plan: Plan,
        assignment: Assignment,
        chip: Chip,
        shapes: Mapping[str, Shape],
    ) -> None:
        self._model, self._plan, self._shapes = model, plan, shapes
        writer = QdqWriter(model, plan, assignment, chip)
        writer.write()
        self._written = assemble(model, writer)
        self.dequantized = dict(writer.dequantized)
        self._ends = {end: shapes[name] for name, end in self.dequantized.items()}
        self.held = {name: writer.names.fresh(f"{name}_held") for name in self.dequantized}
        self._fresh = writer.names.fresh

    def observed(self) -> ModelProto:
        """The quantized network with every quantized activation among its outputs."""
        return with_outputs(self._written, self._ends)

    def quantized(self) -> ModelProto:
        """The quantized network in which every reader of an activation reads the held one."""
        cut = copy.deepcopy(self._written)
        makers = {output: node for node in cut.graph.node for output in node.output}
        pairs = []
        redirected = {}
        for name, end in self.dequantized.items():
            after = makers[end]
            before = makers[after.input[0]]
            first, last = copy.deepcopy(before), copy.deepcopy(after)
            first.name, last.name = self._fresh(f"{name}_hold"), self._fresh(f"{name}_release")
            first.input[0] = self.held[name]
            first.output[0] = last.input[0] = self._fresh(f"{name}_kept")
            redirected[end] = last.output[0] = self._fresh(f"{name}_released")
            pairs += [first, last]
        for node in cut.graph.node:
            for place, name in enumerate(node.input):
                node.input[place] = redirected.get(name, name)
        replace_nodes(cut, [*pairs, *cut.graph.node])
        return with_outputs(self._with_held(cut), self._ends)

    def floating(self) -> ModelProto:
        """The float network in which every operator reads what the quantized one reads."""
        cut = copy.deepcopy(self._model)
        for index, node in enumerate(cut.graph.node):
            for place, name in enumerate(node.input):
                operand = self._plan.is_operand(index, place, name)
                if name in self.held and (operand or self._plan.is_integer(name)):
                    node.input[place] = self.held[name]
        return self._with_held(cut)

    def _with_held(self, model: ModelProto) -> ModelProto:
        model.graph.input.extend(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, self._shapes[tensor])
            for tensor, name in self.held.items()
        )
        return model
