"""Explicit requantizes where ESP-DL's kernels read no exponents and those of a node differ.

Sums, differences, extremes and concatenations requantize each input that needs it to the scale of
their result; those that only move or choose values requantize what they give. The report names
each. For sums and differences ESP-PPQ inserts RequantizeLinear likewise.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax
from tvm.ir import Call, GlobalVar

from ...chips import Chip
from ...ops import Tensor
from ...ops.requantize import Requantize
from .. import qdq
from ..ir import (
    Rebuilder,
    added,
    array_of,
    attributes,
    is_constant,
    is_plain_dataflow,
    main_of,
    name_of,
    named,
    op_name,
)
from ..patterns.admission import TENSOR
from .forms.graph import (
    RELU,
    Graph,
    dequantized_constant,
    emit_dequantized,
    emit_quantized,
    rewritten,
)

OF_INPUTS = ("relax.add", "relax.subtract", "relax.maximum", "relax.minimum", "relax.concat")
OF_RESULT = (
    "relax.nn.max_pool1d",
    "relax.nn.max_pool2d",
    "relax.reshape",
    "relax.permute_dims",
    "relax.strided_slice",
    "relax.take",
    "relax.max",
    "relax.min",
)


def requantize_inputs(mod: tvm.IRModule, chip: Chip) -> tvm.IRModule:
    """Give every node that needs it one exponent for all of its tensors.

    Parameters
    ----------
    mod : tvm.IRModule
        Partitioned: what an operator has taken already is none of this pass' business.
    chip : Chip
        Rounds constants, which are requantized here and now.
    """
    if not is_plain_dataflow(main_of(mod)):
        return mod
    graph = Graph(main_of(mod))

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if op_name(value) != qdq.QUANTIZE or not isinstance(qdq.exponent_of(value), int):
            return None
        relu = graph.call(value.args[0], RELU)
        node = graph.call(value.args[0] if relu is None else relu.args[0], *OF_INPUTS, *OF_RESULT)
        if node is None or not _is_uneven(graph, node, value):
            return None
        if op_name(node) in OF_INPUTS:
            return _with_inputs(_Inputs(rebuilder, graph, value, chip), node, relu)
        return _with_result(rebuilder, graph, node, value) if relu is None else None

    return rewritten(mod, rewrite)


def _operands(node: Any) -> list[Any]:
    """The data that a call reads."""
    first = node.args[0]
    if isinstance(first, relax.Tuple):
        return list(first.fields)
    return list(node.args) if op_name(node) in OF_INPUTS else [first]


def _differs(call: Any, quantize: Any) -> bool:
    return qdq.exponent_of(call) != qdq.exponent_of(quantize) or qdq.quantized_dtype(
        call
    ) != qdq.quantized_dtype(quantize)


def _is_uneven(graph: Graph, node: Any, quantize: Any) -> bool:
    """Whether all operands are quantized, and one is not as the result."""
    calls = [graph.dequantized(operand) for operand in _operands(node)]
    return all(c is not None for c in calls) and any(_differs(c, quantize) for c in calls)


class _Inputs:
    """Requantizes the inputs of one node."""

    def __init__(self, rebuilder: Rebuilder, graph: Graph, quantize: Any, chip: Chip) -> None:
        self.rebuilder, self.graph, self.quantize, self.chip = rebuilder, graph, quantize, chip

    def operand(self, operand: Any) -> Any:
        """An operand at the scale of the node's result."""
        call = self.graph.dequantized(operand)
        if not _differs(call, self.quantize):
            return self.rebuilder.expr(operand)
        source = self.graph.value(call.args[0])
        if is_constant(source):
            return self._constant(array_of(source), call)
        value = self.rebuilder.expr(operand)
        name = f"{_source_name(self.rebuilder.mod, self.graph, call)}_for_{name_of(self.quantize)}"
        like = relax.op.quantize(
            value,
            *self.quantize.args[1:],
            axis=-1,
            out_dtype=qdq.quantized_dtype(self.quantize),
        )
        quantized = self.rebuilder.emit(added(like, name), name)
        return emit_dequantized(self.rebuilder, quantized, self.quantize)

    def _constant(self, array: Any, call: Any) -> Any:
        x = Tensor(str(array.dtype), array.shape, qdq.exponent_of(call))
        y = Tensor(qdq.quantized_dtype(self.quantize), array.shape, qdq.exponent_of(self.quantize))
        requantized = Requantize(x, y).reference(self.chip, array)
        return self.rebuilder.emit(dequantized_constant(requantized, y))


def _source_name(mod: tvm.IRModule, graph: Graph, dequantize: Any) -> str:
    """The model's name of the integers that a dequantize call reads."""
    variable = dequantize.args[0]
    source = graph.value(variable)
    if isinstance(source, Call) and isinstance(source.op, GlobalVar):
        tensor = attributes(mod[source.op]).get(TENSOR)
        if tensor:
            return str(tensor)
    return name_of(source) or str(getattr(variable, "name", "value"))


def _with_inputs(inputs: _Inputs, node: Any, relu: Any) -> Any:
    rebuilder, quantize = inputs.rebuilder, inputs.quantize
    operands = [inputs.operand(operand) for operand in _operands(node)]
    arguments = [relax.Tuple(operands)] if isinstance(node.args[0], relax.Tuple) else operands
    result = rebuilder.emit(Call(node.op, arguments, node.attrs, node.ty_args, node.span))
    if relu is not None:
        result = rebuilder.emit(named(relax.op.nn.relu(result), name_of(relu)))
    return emit_quantized(rebuilder, result, quantize, name_of(quantize))


def _with_result(rebuilder: Rebuilder, graph: Graph, node: Any, quantize: Any) -> Any:
    """The node at the scale of its input, then a requantize."""
    source = graph.dequantized(_operands(node)[0])
    name = f"{name_of(quantize)}_before"
    result = rebuilder.emit(rebuilder.expr(node))
    like = relax.op.quantize(
        result, *source.args[1:], axis=-1, out_dtype=qdq.quantized_dtype(source)
    )
    inner = rebuilder.emit(named(like, name), name)
    value = emit_dequantized(rebuilder, inner, source)
    outer = relax.op.quantize(
        value, *quantize.args[1:], axis=-1, out_dtype=qdq.quantized_dtype(quantize)
    )
    return rebuilder.emit(added(outer, name_of(quantize)), name_of(quantize))
