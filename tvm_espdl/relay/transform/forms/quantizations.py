"""Quantizations that are missing, repeated, or of more inputs than a kernel takes.

Integers that are quantized again at their own scale stay the same, and so do the elements of a
concatenation that are quantized like the whole: moves of dequantized integers become operators of
their own, and large concatenations go in steps. `relu(saturate(round(v)))` is
`saturate(round(relu(v)))` at one exponent, for rounding keeps the order of numbers and zero.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import tvm
from tvm import relax

from ....ops.concat import MAX_INPUTS
from ... import qdq
from ...ir import is_constant, main_of, name_of, op_name
from .graph import ADD, CONVOLUTIONS, MATMUL, RELU, Graph, Site, form, rewritten, same_quantization

MOVES = (
    *("relax.reshape", "relax.permute_dims", "relax.strided_slice", "relax.take"),
    *("relax.tile", "relax.broadcast_to"),
)
PAD = "relax.nn.pad"
# Of numbers at one exponent they choose some, or put limits in place of others. What is spelled out
# in floats has some of them inside, and stays.
CHOICES = (
    *(RELU, "relax.nn.max_pool1d", "relax.nn.max_pool2d", "relax.max", "relax.min"),
    *("relax.clip", PAD),
)
SUMS = (ADD, "relax.subtract", "relax.multiply", "relax.maximum", "relax.minimum")


def quantize_once(mod: tvm.IRModule) -> tvm.IRModule:
    """Quantize a value once for all who quantize it alike: quantizers may do it for each reader."""
    graph = Graph(main_of(mod))
    firsts: dict[Any, Any] = {}
    for variable, value in graph.values.items():
        if op_name(value) != qdq.QUANTIZE or variable in graph.outputs:
            continue
        for reader in graph.readers[value.args[0]] if value.args[0] in graph.values else ():
            if reader.var.same_as(variable):
                break
            if op_name(reader.value) == qdq.QUANTIZE and same_quantization(reader.value, value):
                firsts[variable] = reader.var
                break

    def rewrite(site: Site) -> Any:
        first = firsts.get(site.variable)
        return None if first is None else site.expr(first)

    return rewritten(mod, graph, rewrite) if firsts else mod


def quantize_moves(mod: tvm.IRModule) -> tvm.IRModule:
    """Quantize the results of moves and choices that are read by something else than quantize."""
    moved: dict[Any, Any] = {}

    def source_of(graph: Graph, argument: Any) -> Any:
        """The dequantize call in front of a move, which may follow another move."""
        source = moved.get(argument, graph.dequantized(argument))
        return None if source is None or graph.weights(source) is not None else source

    def is_of_integers(graph: Graph, reader: Any, read: relax.Var) -> bool:
        """Whether a reader takes integers, and is no step of a function that is spelled out."""
        if op_name(reader) in (MATMUL, *CONVOLUTIONS, *MOVES, *CHOICES):
            return True
        return op_name(reader) in SUMS and all(
            a in (read, *moved) or graph.dequantized(a) is not None or is_constant(graph.value(a))
            for a in reader.args
        )

    def rewrite(site: Site) -> Any:
        graph, value = site.graph, site.value
        if op_name(value) not in (*MOVES, *CHOICES) or site.variable in graph.outputs:
            return None
        source = source_of(graph, value.args[0])
        if source is None or not _has_integers(value, source):
            return None
        readers = [reader.value for reader in graph.readers[site.variable]]
        names = {op_name(reader) for reader in readers}
        # A convolution absorbs its padding.
        absorbed = op_name(value) == PAD and names & {*CONVOLUTIONS}
        if qdq.QUANTIZE in names or absorbed:
            return None
        if op_name(value) in CHOICES and not all(
            is_of_integers(graph, r, site.variable) for r in readers
        ):
            return None
        moved[site.variable] = source
        return site.dequantized(site.quantized(site.kept(), source, name_of(value)), source)

    return rewritten(mod, Graph(main_of(mod)), rewrite)


def _has_integers(value: Any, source: Any) -> bool:
    """Whether a move of what `source` dequantizes gives numbers of its quantization only."""
    if op_name(value) == "relax.take":
        return is_constant(value.args[1])
    if op_name(value) == "relax.clip":
        numbers = [float(limit.value) for limit in value.args[1:3]]
    elif op_name(value) == PAD and str(value.attrs.pad_mode) == "constant":
        numbers = [float(value.attrs.pad_value)]
    else:
        return True
    limits = np.iinfo(qdq.quantized_dtype(source))
    exponent = qdq.exponent_of(source)
    assert isinstance(exponent, int)
    integers = [number * 2.0**-exponent for number in numbers]
    beyond = op_name(value) != PAD
    return all(v.is_integer() if limits.min <= v <= limits.max else beyond for v in integers)


@form(qdq.QUANTIZE)
def join_quantizations(site: Site) -> Any:
    """Fold a ReLU into the product or sum before it, and drop repeated quantizations."""
    graph, value = site.graph, site.value
    relu = graph.call(value.args[0], RELU)
    dequantize = graph.dequantized(value.args[0] if relu is None else relu.args[0])
    if dequantize is None or not same_quantization(dequantize, value):
        return None
    source = dequantize.args[0]
    before = graph.call(source, qdq.QUANTIZE)
    if relu is None:
        repeats = before is not None and site.variable not in graph.outputs
        return site.expr(source) if repeats else None
    if before is None or graph.only_reader(source) is None:
        return None
    if not graph.is_rounded_once(before.args[0]):
        return None
    joined = site.emit(relax.op.nn.relu(site.expr(before.args[0])), like=relu)
    return site.quantized(joined, value)


@form(qdq.QUANTIZE)
def split_concatenations(site: Site) -> Any:
    """Rewrite each quantized concatenation of too many inputs."""
    graph, value = site.graph, site.value
    concat = graph.call(value.args[0], "relax.concat")
    fields = graph.value(concat.args[0]) if concat is not None else None
    if not isinstance(qdq.exponent_of(value), int) or not isinstance(fields, relax.Tuple):
        return None
    if len(fields.fields) <= MAX_INPUTS:
        return None
    parts, axis = [site.expr(field) for field in fields.fields], concat.attrs.axis
    numbers = itertools.count()
    while len(parts) > MAX_INPUTS:
        groups = [parts[n : n + MAX_INPUTS] for n in range(0, len(parts), MAX_INPUTS)]
        parts = [_joined(site, group, axis, next(numbers)) for group in groups]
    return site.quantized(site.emit(relax.op.concat(parts, axis), like=concat), value)


def _joined(site: Site, group: list[Any], axis: Any, number: int) -> Any:
    if len(group) == 1:
        return group[0]
    joined, name = site.emit(relax.op.concat(group, axis)), f"{name_of(site.value)}_part{number}"
    return site.dequantized(site.quantized(joined, site.value, name, by_compiler=True), site.value)
