"""Nodes of ordinary operators, read and written as their forms declare them.

Source of what a node means: ESP-DL `dl/module/include/dl_module_*.hpp`, `deserialize`. With 8 bits
a table takes the place of any function; with 16 bits only LUT and Gelu read one. Whatever the chip
would compute in floats, element by element, is written with its table for int8: the same bits in a
fraction of the time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...ops import Operator, Tensor
from ...ops.base.broadcast import Broadcast, WithRelu
from ...ops.base.form import Form
from ...ops.base.reduction import MAX_RUNS, Reduction
from ...ops.base.registry import declared
from ...ops.base.unary import SameExponent
from ...ops.transpose import Transpose
from ..draft import Setting
from ..node_view import WHOSE, NodeView, Reader, Readers
from ..step_view import StepView, Writer, Writers
from ..types import FLOAT_FUNCTIONS, FloatCall
from .activation import or_table, table_setting


def formula_of(node: NodeView, x: Tensor, y: Tensor) -> Operator:
    """The record of a node that is a function of each element, one of `FUNCTIONS`."""
    kind = FUNCTIONS[node.node.op_type]
    given = [node.real(name, getattr(kind, name)) for name in kind.form.attributes]
    made: Operator = kind(x, y, *given)
    return made


@or_table
def _function(node: NodeView, x: Tensor, y: Tensor) -> None:
    """A function of each element."""
    form = FUNCTIONS[node.node.op_type].form
    in_float = x.dtype == "float32" and isinstance(form.relax, str) and not form.attributes
    node.call(FloatCall(form.relax, (x,), y) if in_float else formula_of(node, x, y))


def _of_two(node: NodeView) -> None:
    a, b = node.tensor(0), node.tensor(1)
    if len(node.node.inputs) != 2:
        node.leave("an operator of two inputs", f"{len(node.node.inputs)} inputs")
    y = node.typed(np.broadcast_shapes(a.shape, b.shape))
    kind, operands = NODES[node.node.op_type], [node.operand(0), node.operand(1)]
    if a.dtype == b.dtype == "float32" and kind.form.relax in FLOAT_FUNCTIONS:
        node.call(FloatCall(kind.form.relax, (a, b), y), operands)
        return
    known = node.is_constant(0), node.is_constant(1)
    node.call(kind.made(a, b, y, relu=False, known=known), operands)


def _reduction(node: NodeView) -> None:
    x = node.tensor()
    rank = len(x.shape)
    # A constant input, or an attribute in files from before opset 18.
    given = node.integers(1) if node.has(1) else node.given("axes")
    axes = tuple(sorted({node.from_front(axis, rank) for axis in given}))
    if not axes and not node.integer("noop_with_empty_axes", 0):
        axes = tuple(range(rank))
    if not axes:
        node.leave("a reduction over no axis")
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))
    dropped = tuple(extent for axis, extent in enumerate(x.shape) if axis not in axes)
    y = node.typed(kept if node.integer("keepdims", 1) else dropped)
    wide = dataclasses.replace(y, shape=kept)
    operator: Reduction = NODES[node.node.op_type](x, wide, axes)
    if len(operator.runs) <= 2 * MAX_RUNS:
        node.call_as(y, "kept", operator)
        return
    refused = next(r for r in operator.refusals(node.chip) if r.rule == "runs_fit")
    node.warn(f"{refused.sentence} Found: {refused.found}. {WHOSE['portable']}")
    # The reduced axes come last, in their order: so each result is made of the same elements.
    order = (*(axis for axis in range(rank) if axis not in axes), *axes)
    turned, last = x.permuted(order), tuple(range(rank - len(axes), rank))
    name = f"{node.output()}_turned"
    node.call(Transpose(x, turned, order), output=name)
    shorter = dataclasses.replace(operator, x=turned, y=wide.permuted(order), axes=last)
    node.call_as(y, "reduced", shorter, [name])


def _reader(kind: type[Operator]) -> Reader:
    if issubclass(kind, Broadcast):
        return _of_two
    return _reduction if issubclass(kind, Reduction) else _function


def _writer(kind: type[Operator], form: Form, node_type: str) -> Writer:
    def write(step: StepView) -> None:
        inputs = [step.operand(place) for place in range(len(step.operator.inputs))]
        settings: dict[str, Setting] = dict(form.fixed)
        settings |= {name: float(getattr(step.operator, name)) for name in form.attributes}
        if issubclass(kind, Reduction):
            if not step.operator.axes:
                step.refuse("a reduction over no axis", allowed="one axis or more")
            inputs.append(step.indices("axes", step.operator.axes))
            settings |= {"keepdims": 1, "noop_with_empty_axes": 0}
        if not issubclass(kind, (Broadcast, Reduction, SameExponent)):
            settings |= table_setting(step)
        if not issubclass(kind, WithRelu) or not step.operator.relu:
            step.node(node_type, inputs, settings)
            return
        # The runtime fuses no ReLU into it, which follows as a node.
        linear = step.between("linear", step.operator.y)
        step.node(node_type, inputs, settings, output=linear)
        step.node("Relu", [linear])

    return write


_KINDS = {kind: kind.form for kind in declared() if kind.name and kind.form is not None}
NODES: Mapping[str, Any] = {form.espdl or form.onnx: kind for kind, form in _KINDS.items()}
READERS: Readers = {node_type: _reader(kind) for node_type, kind in NODES.items()}
FUNCTIONS = {name: kind for name, kind in NODES.items() if READERS[name] is _function}
WRITERS: Writers = {
    kind.name: _writer(kind, form, form.espdl) for kind, form in _KINDS.items() if form.espdl
}
