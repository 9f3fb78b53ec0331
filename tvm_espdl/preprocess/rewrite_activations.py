"""Rewrites that recognise limits, HardSigmoid and HardSwish which an exporter has spelled out.

Must never take an activation apart, nor change what is computed beyond float rounding; changes the
model it is given in place. `x * Sigmoid(x)` stays: ONNX has Swish from operator set 24 on only, and
the quantizer and the compiler both take the pair for one table.
"""

from __future__ import annotations

import math

import numpy as np
from onnx import ModelProto, NodeProto

from ..onnx_graphs.graph import STANDARD, Graph, attribute
from ..onnx_graphs.rewriting import add_constant, of_each_node, opset_of, scalar, set_node

#: The first operator set that has HardSwish.
_HARD_SWISH_OPSET = 14

# Exporters write 1/6 with more or fewer digits.
_TOLERANCE = 1e-5


@of_each_node
def hard_sigmoid(node: NodeProto, graph: Graph) -> bool:
    """Write `clip(a * x + b, 0, h) / h` as HardSigmoid."""
    found = _hard_sigmoid_of(node, graph)
    if found is not None:
        set_node(node, "HardSigmoid", [found[0]], alpha=found[1], beta=found[2])
    return found is not None


def hard_swish(model: ModelProto) -> int:
    """Write `x * clip(x + 3, 0, 6) / 6`, in any order, and `x * HardSigmoid(x)` as HardSwish."""
    if opset_of(model) < _HARD_SWISH_OPSET and not _may_raise_opset(model):
        return 0
    written, graph = 0, Graph(model)
    for node in reversed(model.graph.node):
        source = _hard_swish_of(node, graph)
        if source is not None:
            set_node(node, "HardSwish", [source])
            written += 1
            graph = Graph(model)
    if written and opset_of(model) < _HARD_SWISH_OPSET:
        for entry in model.opset_import:
            if entry.domain in STANDARD:
                entry.version = _HARD_SWISH_OPSET
    return written


def _may_raise_opset(model: ModelProto) -> bool:
    # Set 14 widens types and adds attributes whose defaults are the old meaning; only
    # BatchNormalization has lost outputs.
    return opset_of(model) == _HARD_SWISH_OPSET - 1 and not any(
        node.op_type == "BatchNormalization" and any(node.output[1:]) for node in model.graph.node
    )


def _near(value: float, wanted: float) -> bool:
    return math.isclose(value, wanted, rel_tol=_TOLERANCE)


def _by_constant(
    node: NodeProto | None, graph: Graph, operator: str, inverse: str
) -> tuple[str, float] | None:
    """Operand and constant of an operator with one; of its inverse, only where that is second."""
    if node is None or node.op_type not in (operator, inverse):
        return None
    for place in (0, 1) if node.op_type == operator else (1,):
        value, other = scalar(node.input[place], graph), node.input[1 - place]
        if value is not None and graph.shape(other) == graph.shape(node.output[0]):
            return other, value
    return None


def _scaled(node: NodeProto | None, graph: Graph) -> tuple[str, float] | None:
    """Operand and factor of a node that multiplies or divides by one constant."""
    found = _by_constant(node, graph, "Mul", "Div")
    if node is None or found is None or not found[1] or not math.isfinite(found[1]):
        return None
    return found[0], found[1] if node.op_type == "Mul" else 1.0 / found[1]


def _shifted(node: NodeProto | None, graph: Graph) -> tuple[str, float] | None:
    """Operand and summand of a node that adds or subtracts one constant."""
    found = _by_constant(node, graph, "Add", "Sub")
    if node is None or found is None:
        return None
    return found[0], found[1] if node.op_type == "Add" else -found[1]


def _clipped(node: NodeProto | None, graph: Graph) -> tuple[str, float] | None:
    """Operand and upper limit of a Clip from 0."""
    if node is None or node.op_type != "Clip" or len(node.input) < 3:
        return None
    low, high = scalar(node.input[1], graph), scalar(node.input[2], graph)
    return (node.input[0], high) if low == 0.0 and high is not None and high > 0.0 else None


def _hard_sigmoid_of(node: NodeProto, graph: Graph) -> tuple[str, float, float] | None:
    """The input, slope and value at 0 of the hard sigmoid that `node` ends."""
    outer = _scaled(node, graph)
    source, factor = outer or (node.output[0], 1.0)
    clip = _clipped(graph.maker(source), graph)
    if clip is None or not _near(factor * clip[1], 1.0):
        return None
    shift = _shifted(graph.maker(clip[0]), graph)
    if shift is None or not graph.is_float(shift[0]) or graph.is_constant(shift[0]):
        return None
    source, slope = _scaled(graph.maker(shift[0]), graph) or (shift[0], 1.0)
    return source, slope * factor, shift[1] * factor


def _hard_swish_of(node: NodeProto, graph: Graph) -> str | None:
    """The input of the hard swish that `node` ends."""
    if node.op_type not in ("Mul", "Div"):
        return None
    factor, factors = _factors(node, graph)
    if len(factors) != 2:
        return None
    for source, gate in (factors, factors[::-1]):
        found = graph.maker(gate)
        if found is None or not graph.is_float(source) or graph.is_constant(source):
            continue
        if found.op_type == "HardSigmoid" and found.input[0] == source:
            slope, start = attribute(found, "alpha", 0.2), attribute(found, "beta", 0.5)
            if _near(slope, 1 / 6) and _near(start, 0.5) and _near(factor, 1.0):
                return source
        clip = _clipped(found, graph)
        shift = None if clip is None else _shifted(graph.maker(clip[0]), graph)
        if clip is not None and shift == (source, 3.0) and clip[1] == 6.0 and _near(factor, 1 / 6):
            return source
    return None


def _factors(node: NodeProto, graph: Graph) -> tuple[float, list[str]]:
    """The constant factor and the other factors of a product, through the products inside it."""
    scaled = _scaled(node, graph)
    if scaled is not None:
        inner, value = [scaled[0]], scaled[1]
    elif node.op_type == "Mul":
        inner, value = list(node.input), 1.0
    else:
        return 1.0, list(node.output)
    factors = []
    for name in inner:
        maker = graph.maker(name)
        if maker is None or maker.op_type not in ("Mul", "Div") or len(graph.consumers(name)) > 1:
            factors.append(name)
            continue
        further, names = _factors(maker, graph)
        value *= further
        factors.extend(names)
    return value, factors


_Limits = tuple[str, float, float]


@of_each_node
def merge_clips(node: NodeProto, graph: Graph) -> bool:
    """Make one Clip or Relu of two that follow each other; Min and Max with a constant count."""
    outer = _limits(node, graph)
    if outer is None:
        return False
    source, low, high = outer
    before = graph.maker(source) if graph.only_consumer(source) is not None else None
    inner = _limits(before, graph) if before is not None else None
    if inner is not None:
        # min(max(x, a), b), then limited again, is x limited by the limits of the limits.
        source = inner[0]
        low, high = (min(max(limit, low), high) for limit in inner[1:])
    elif node.op_type in ("Relu", "Clip"):
        return False
    _write(node, source, low, high, graph.model)
    return True


def _limits(node: NodeProto, graph: Graph) -> _Limits | None:
    """The operand of a node that limits it, and both limits."""
    if node.domain not in STANDARD or not graph.is_float(node.output[0]):
        return None
    found = None
    if node.op_type == "Relu":
        found = node.input[0], 0.0, math.inf
    elif node.op_type == "Clip":
        found = _limits_of_clip(node, graph)
    elif node.op_type in ("Min", "Max") and len(node.input) == 2:
        for place in (0, 1):
            value, other = scalar(node.input[place], graph), node.input[1 - place]
            if value is not None and graph.shape(other) == graph.shape(node.output[0]):
                limits = (-math.inf, value) if node.op_type == "Min" else (value, math.inf)
                found = other, *limits
    usable = found is not None and found[1] <= found[2] and not graph.is_constant(found[0])
    return found if usable else None


def _limits_of_clip(node: NodeProto, graph: Graph) -> _Limits | None:
    limits = [-math.inf, math.inf]
    for place, name in enumerate(node.input[1:3]):
        value = scalar(name, graph) if name else limits[place]
        if value is None:
            return None
        limits[place] = value
    return node.input[0], limits[0], limits[1]


def _write(node: NodeProto, source: str, low: float, high: float, model: ModelProto) -> None:
    if (low, high) == (0.0, math.inf):
        set_node(node, "Relu", [source])
        return
    names = [
        "" if math.isinf(value) else add_constant(model, f"{node.name}_{kind}", np.float32(value))
        for kind, value in (("min", low), ("max", high))
    ]
    set_node(node, "Clip", [source, *names] if names[1] else [source, *names[:1]])
