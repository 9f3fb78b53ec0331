"""Products of integers of unlike widths, as those that read int8 weights and give int16: all int16.

An int8 is an int16 as it is, and `saturate8(round(v))` is `saturate8(saturate16(round(v)))` at one
exponent: no number changes, and ESP-DL has kernels of one width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.ir import Call

from ... import ir, qdq
from ...ir import array_of, main_of, name_of, op_name
from .graph import ADD, CONVOLUTIONS, MATMUL, RELU, Graph, Site, rewritten

NARROW, WIDE = "int8", "int16"
PRODUCTS = (MATMUL, *CONVOLUTIONS, "relax.multiply")
#: What reads int8 parameters beside int16 data; its result has the data's width already.
WITH_PARAMETERS = ("relax.nn.prelu", "relax.nn.layer_norm", "relax.nn.rms_norm")
#: Calls that stand between a product and what quantizes it, or a constant and its reader.
_BEHIND = (ADD, RELU, "relax.clip")
_AROUND = ("relax.permute_dims", "relax.reshape")


def widen(mod: tvm.IRModule) -> tvm.IRModule:
    """Let products of int8 and int16 read and give int16 only."""
    graph = Graph(main_of(mod))
    products: set[Any] = set()
    results: set[Any] = set()
    for variable, value in graph.values.items():
        if op_name(value) not in (*PRODUCTS, *WITH_PARAMETERS):
            continue
        end = _quantized(graph, variable)
        widths = {qdq.quantized_dtype(call) for call in _operands(graph, value) if call is not None}
        if end is None or None in _operands(graph, value):
            continue
        if widths | {qdq.quantized_dtype(end.value)} != {NARROW, WIDE}:
            continue
        if op_name(value) in PRODUCTS or qdq.quantized_dtype(end.value) == WIDE:
            products.add(variable)
            results.add(end.var)

    def rewrite(site: Site) -> Any:
        value = site.value
        if site.variable in products:
            arguments = [_wide(site, argument) for argument in value.args]
            return site.result(Call(value.op, arguments, value.attrs, value.ty_args))
        if site.variable in results and qdq.quantized_dtype(value) == NARROW:
            wide = _quantize(site, site.expr(value.args[0]), value, f"{name_of(value)}_{WIDE}")
            return site.quantized(_dequantize(site, wide, value), value)
        return None

    return rewritten(mod, graph, rewrite) if products else mod


def _quantized(graph: Graph, variable: relax.Var) -> Any:
    """The binding of the quantize call that ends what a product begins, or None."""
    reader = graph.only_reader(variable)
    while reader is not None and op_name(reader.value) in _BEHIND:
        reader = graph.only_reader(reader.var)
    return reader if reader is not None and op_name(reader.value) == qdq.QUANTIZE else None


def _operands(graph: Graph, value: Any) -> list[Any]:
    """The dequantize calls that a call reads; None for each other tensor that it reads."""
    return [_dequantized(graph, a) for a in value.args if isinstance(a.ty, relax.TensorType)]


def _dequantized(graph: Graph, argument: Any) -> Any:
    call = graph.call(argument, qdq.DEQUANTIZE, *_AROUND)
    if op_name(call) in _AROUND:
        inner = graph.call(call.args[0], qdq.DEQUANTIZE)
        call = inner if inner is not None and graph.weights(inner) is not None else None
    if call is None or qdq.quantized_dtype(call) not in (NARROW, WIDE):
        return None
    is_weights = graph.weights(call) is not None
    return call if is_weights or isinstance(qdq.exponent_of(call), int) else None


def _wide(site: Site, argument: Any) -> Any:
    """An argument of a product as int16."""
    graph = site.graph
    call = _dequantized(graph, argument) if isinstance(argument.ty, relax.TensorType) else None
    if call is None or qdq.quantized_dtype(call) == WIDE:
        return site.expr(argument)
    if graph.weights(call) is None:
        wide = _quantize(site, site.expr(argument), call, f"{_source(graph, call)}_{WIDE}")
        return _dequantize(site, wide, call)
    constant = relax.const(array_of(graph.value(call.args[0])).astype(WIDE))
    result = _dequantize(site, constant, call)
    around = graph.call(argument, *_AROUND)
    if around is None:
        return result
    arguments = [result, *(site.expr(other) for other in around.args[1:])]
    return site.emit(Call(around.op, arguments, around.attrs, around.ty_args, around.span))


def _source(graph: Graph, call: Any) -> str:
    return name_of(graph.value(call.args[0])) or str(getattr(call.args[0], "name", "value"))


def _scales(like: Any) -> tuple[Any, Any]:
    """The scale of a call, and zeros of the wide type."""
    return like.args[1], relax.const(np.zeros(ir.shape_of(like.args[2]), WIDE))


def _quantize(site: Site, real: Any, like: Any, name: str) -> Any:
    call = relax.op.quantize(real, *_scales(like), axis=-1, out_dtype=WIDE)
    return site.emit(ir.added(call, name), name)


def _dequantize(site: Site, integers: Any, like: Any) -> Any:
    axis = int(like.attrs.axis)
    return site.emit(relax.op.dequantize(integers, *_scales(like), axis=axis))
