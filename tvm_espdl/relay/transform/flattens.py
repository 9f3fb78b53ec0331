"""Transposes in front of a flatten go into the rows of the matrix behind it.

An image with channels last is flattened as it lies in memory, and the matrix product that reads it
gets its rows in that order: the same products are summed, so that no bit changes. Where a sum can
leave the chip's register on its way, the order counts, and the transpose stays.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.ir import Call, GlobalVar

from ...chips import find_chip
from ...ops import Operator, from_json
from ...ops.base.accumulate import must_follow_order
from ...ops.base.rounding import Array
from ...ops.base.unary import Elementwise
from ...ops.gemm import Gemm
from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from ...program import Turn
from ..ir import (
    Rebuilder,
    array_of,
    attributes,
    bindings_of,
    is_constant,
    is_plain_dataflow,
    main_of,
    shape_of,
)
from ..patterns.admission import TENSOR
from .forms.graph import Graph
from .lowered import ADMITS, lowered_composite, turns_of
from .partition import CHIP, COVERS, RECORD, is_composite


def fold_flattens(mod: tvm.IRModule) -> tvm.IRModule:
    """Drop each transpose whose readers end, through flattens, in products with constant matrices.

    Parameters
    ----------
    mod : tvm.IRModule
        After `lower_to_nhwc`; what holds there holds for the result.
    """
    if not is_plain_dataflow(main_of(mod)):
        return mod
    plan = _Planner(mod).plan()
    if not plan.orders:
        return mod
    folded = Rebuilder(mod).run(main_of(mod), _Folding(mod, plan).rewrite)
    return relax.transform.DeadCodeElimination()(folded)


@dataclass
class _Plan:
    """What is to change, by the variables of the original.

    `sources` says what stands for a transposed tensor, `moved` which calls then read another
    shape, by which transpose, and `orders` in which order a product reads the former rows of its
    matrix.
    """

    sources: dict[Any, Any] = field(default_factory=dict)
    moved: dict[Any, Transpose] = field(default_factory=dict)
    orders: dict[Any, Array] = field(default_factory=dict)


class _Planner:
    """Follows each transpose to its readers."""

    def __init__(self, mod: tvm.IRModule) -> None:
        self.mod, self.graph = mod, Graph(main_of(mod))

    def plan(self) -> _Plan:
        """All transposes whose readers allow it."""
        whole = _Plan()
        for binding in bindings_of(main_of(self.mod)):
            operator, part = _operator(self.mod, binding.value), _Plan()
            if isinstance(operator, Transpose) and self._ends(operator, binding.var, part):
                whole.sources[binding.var] = binding.value.args[0]
                whole.moved |= part.moved
                whole.orders |= part.orders
        return whole

    def _ends(self, transpose: Transpose, variable: Any, part: _Plan) -> bool:
        """Whether all that read a variable may see the elements as before a transpose.

        Those are products, and elementwise calls and reshapes that end in products.
        """
        readers = self.graph.readers[variable]
        if variable in self.graph.outputs or not readers:
            return False
        return all(self._may_read(transpose, reader, part) for reader in readers)

    def _may_read(self, transpose: Transpose, reader: Any, part: _Plan) -> bool:
        operator = _operator(self.mod, reader.value)
        if isinstance(operator, Gemm):
            order = _order(self.mod, operator, reader.value, transpose)
            if order is not None:
                part.orders[reader.var] = order
            return order is not None
        part.moved[reader.var] = transpose
        moves = isinstance(operator, (Elementwise, Reshape))
        return moves and self._ends(transpose, reader.var, part)


def _order(mod: tvm.IRModule, gemm: Gemm, call: Any, transpose: Transpose) -> Array | None:
    """Former rows of a matrix in the order of the elements before a transpose, or None.

    The transpose must stay within what the product sums, and sums must fit their register.
    """
    chip = find_chip(str(mod[call.op].attrs[CHIP]))
    terms = gemm.summed(*_constants(mod[call.op]))
    if must_follow_order(chip, terms.weights, terms.bias, gemm.x.dtype).any():
        return None
    shape, axes = transpose.x.shape, transpose.axes
    for kept in range(len(axes)):
        inner = shape[kept:]
        if axes[:kept] == tuple(range(kept)) and np.prod(inner) == gemm.x.shape[-1]:
            turned = np.arange(np.prod(inner)).reshape([shape[axis] for axis in axes[kept:]])
            back = np.argsort([axis - kept for axis in axes[kept:]])
            return turned.transpose(back).ravel()
    return None


def _operator(mod: tvm.IRModule, value: Any) -> Operator | None:
    """The record of the operator that a value calls, or None."""
    if not isinstance(value, Call) or not isinstance(value.op, GlobalVar):
        return None
    function = mod[value.op]
    return from_json(str(function.attrs[RECORD])) if is_composite(function) else None


def _constants(function: Any) -> tuple[Array, ...]:
    packed = bindings_of(function)[0].value
    return tuple(array_of(a) for a in packed.args[1].fields if is_constant(a))


class _Folding:
    """Rewrites the calls of a plan."""

    def __init__(self, mod: tvm.IRModule, plan: _Plan) -> None:
        self.mod, self.plan = mod, plan

    def rewrite(self, rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        """The transposes stand for their sources; products and moved calls are made anew."""
        if variable in self.plan.sources:
            return rebuilder.expr(self.plan.sources[variable])
        if variable not in self.plan.moved and variable not in self.plan.orders:
            return rebuilder.emit(rebuilder.expr(value), str(variable.name))
        operator: Any = _operator(self.mod, value)
        constants = _constants(self.mod[value.op])
        (argument,) = map(rebuilder.expr, value.args)
        if variable in self.plan.orders:
            matrix, *bias = constants
            rows = np.ascontiguousarray(matrix[self.plan.orders[variable]])
            constants = (rows, *bias)
        else:
            x = dataclasses.replace(operator.x, shape=shape_of(argument))
            of_result = operator.y if isinstance(operator, Reshape) else x
            y = dataclasses.replace(operator.y, shape=of_result.shape)
            operator = dataclasses.replace(operator, x=x, y=y)
        turns = turns_of(self.mod[value.op])
        if variable in self.plan.moved:
            transpose = self.plan.moved[variable]
            turns = ((transpose.x.shape, transpose.axes), *turns)
        return self._call(rebuilder, operator, constants, value, argument, turns=turns)

    def _call(
        self,
        rebuilder: Rebuilder,
        operator: Operator,
        constants: tuple[Array, ...],
        old: Any,
        argument: Any,
        *,
        turns: tuple[Turn, ...],
    ) -> Any:
        attrs = attributes(self.mod[old.op])
        function = lowered_composite(
            operator,
            constants,
            str(attrs[CHIP]),
            str(attrs[TENSOR]),
            covers=tuple(map(str, attrs.get(COVERS, ()))),
            admits=tuple(map(str, attrs.get(ADMITS, ()))),
            turns=turns,
        )
        name = rebuilder.add_function(function, f"espdl_{operator.name}")
        return rebuilder.emit(Call(name, [argument]))
