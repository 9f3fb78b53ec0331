"""Explicit requantizes where ESP-DL's kernels read no exponents and those of a node differ.

Sums, differences, extremes and concatenations requantize each input that needs it to the scale of
their result; those that only move or choose values requantize what they give. The report names
each. For sums and differences ESP-PPQ inserts RequantizeLinear likewise.
"""

from __future__ import annotations

from typing import Any

from tvm import relax
from tvm.ir import Call, GlobalVar, IRModule

from ...chips import Chip
from ...ops import Tensor
from ...ops.requantize import Requantize
from .. import qdq
from ..ir import array_of, attributes, is_constant, is_plain_dataflow, main_of, name_of, op_name
from ..patterns.admission import TENSOR
from .forms.graph import RELU, Graph, Site, dequantized_constant, form, same_quantization

OF_INPUTS = ("relax.add", "relax.subtract", "relax.maximum", "relax.minimum", "relax.concat")
OF_RESULT = (
    "relax.nn.max_pool1d",
    "relax.nn.max_pool2d",
    "relax.reshape",
    "relax.permute_dims",
    "relax.strided_slice",
    "relax.take",
    "relax.tile",
    "relax.broadcast_to",
    "relax.max",
    "relax.min",
)


def requantize_inputs(mod: IRModule, chip: Chip) -> IRModule:
    """Give every node that needs it one exponent for all of its tensors.

    The module is partitioned: what an operator has taken already is none of this pass' business.
    Constants are requantized here and now, rounded as the chip does it.
    """
    return _requantize(mod, chip) if is_plain_dataflow(main_of(mod)) else mod


@form(qdq.QUANTIZE)
def _requantize(site: Site, chip: Chip) -> Any:
    graph, value = site.graph, site.value
    if not isinstance(qdq.exponent_of(value), int):
        return None
    relu = graph.call(value.args[0], RELU)
    node = graph.call(value.args[0] if relu is None else relu.args[0], *OF_INPUTS, *OF_RESULT)
    if relu is not None and _is_narrowed(graph, relu, value):
        return _with_result(site, relu)
    if node is None or not _is_uneven(graph, node, value):
        return None
    if op_name(node) in OF_RESULT:
        return _with_result(site, node) if relu is None else None
    operands = [_operand(site, operand, chip) for operand in _operands(node)]
    arguments = [relax.Tuple(operands)] if isinstance(node.args[0], relax.Tuple) else operands
    result = site.emit(Call(node.op, arguments, node.attrs, node.ty_args, node.span))
    if relu is not None:
        result = site.emit(relax.op.nn.relu(result), like=relu)
    return site.quantized(result, value)


def _operands(node: Any) -> list[Any]:
    """The data that a call reads."""
    first = node.args[0]
    if isinstance(first, relax.Tuple):
        return list(first.fields)
    return list(node.args) if op_name(node) in OF_INPUTS else [first]


def _is_uneven(graph: Graph, node: Any, quantize: Any) -> bool:
    """Whether all operands are quantized, and one is not as the result."""
    calls = [graph.dequantized(operand) for operand in _operands(node)]
    if any(call is None for call in calls):
        return False
    return not all(same_quantization(call, quantize) for call in calls)


def _is_narrowed(graph: Graph, relu: Any, quantize: Any) -> bool:
    """Whether a ReLU of quantized numbers gives integers of another type."""
    call = graph.dequantized(relu.args[0])
    return call is not None and qdq.quantized_dtype(call) != qdq.quantized_dtype(quantize)


def _operand(site: Site, operand: Any, chip: Chip) -> Any:
    """An operand at the scale of the node's result."""
    call, quantize = site.graph.dequantized(operand), site.value
    if same_quantization(call, quantize):
        return site.expr(operand)
    source = site.graph.value(call.args[0])
    if is_constant(source):
        array = array_of(source)
        x = Tensor(str(array.dtype), array.shape, qdq.exponent_of(call))
        y = Tensor(qdq.quantized_dtype(quantize), array.shape, qdq.exponent_of(quantize))
        return site.emit(dequantized_constant(Requantize(x, y).reference(chip, array), y))
    name = f"{_source_name(site, call)}_for_{name_of(quantize)}"
    quantized = site.quantized(site.expr(operand), quantize, name, by_compiler=True)
    return site.dequantized(quantized, quantize)


def _source_name(site: Site, dequantize: Any) -> str:
    """The model's name of the integers that a dequantize call reads."""
    variable = dequantize.args[0]
    source = site.graph.value(variable)
    if isinstance(source, Call) and isinstance(source.op, GlobalVar):
        tensor = attributes(site.mod[source.op]).get(TENSOR)
        if tensor:
            return str(tensor)
    return name_of(source) or str(getattr(variable, "name", "value"))


def _with_result(site: Site, node: Any) -> Any:
    """The node at the scale of its input, then a requantize."""
    source = site.graph.dequantized(_operands(node)[0])
    result = site.emit(site.expr(node))
    inner = site.quantized(result, source, f"{name_of(site.value)}_before")
    return site.quantized(site.dequantized(inner, source), site.value, by_compiler=True)
